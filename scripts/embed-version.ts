/**
 * `npm run embed` writes package.json's version to every other place that has it: manifests, chart,
 * Dockerfile, lock file and docs. `--check` writes nothing, and fails if one differs.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "..");

/** CHANGELOG.md isn't among them, as its versions are of all times. */
const FILES = [
  "manifests/**/*.yaml",
  "charts/*/Chart.yaml",
  "Dockerfile",
  "package-lock.json",
  "README.md",
  "{docs,manifests,charts}/**/*.md",
];

/** What stands before the version. In a lock file, packages have versions of their own. */
const BEFORE = [
  "newTag: ",
  "app\\.kubernetes\\.io/version: ",
  "^version: ",
  "^appVersion: ",
  "org\\.opencontainers\\.image\\.version=",
  '"name": "curfew",\\s+"version": ',
  "\\bcurfew[ :]",
  "\\bref=v",
];
const REPEAT = new RegExp(`((?:${BEFORE.join("|")})["']?)\\d+\\.\\d+\\.\\d+(?:-[0-9A-Za-z.-]*[0-9A-Za-z])?`, "gm");

/** `text` with `version` wherever it names Curfew's. */
export const withVersion = (text: string, version: string): string => text.replace(REPEAT, `$1${version}`);

if (import.meta.main) {
  for (const file of globSync(FILES, { cwd: ROOT }).sort()) {
    const path = join(ROOT, file);
    const text = readFileSync(path, "utf8");
    const wanted = withVersion(text, packageJson.version);
    if (text === wanted) continue;
    if (!process.argv.includes("--check")) writeFileSync(path, wanted);
    else {
      console.error(`${file} has another version than package.json: run \`npm run embed\` and commit it.`);
      process.exitCode = 1;
    }
  }
}
