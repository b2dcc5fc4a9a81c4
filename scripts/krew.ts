/**
 * `node scripts/krew.ts FOLDER_URL` prints krew's manifest for the package in release/, which will be
 * downloaded from that folder. It's for a pull request to an index of krew's, or for
 * `kubectl krew install --manifest=FILE`.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { ROOT } from "./bundle.ts";

export interface Package {
  readonly version: string;
  /** Where it can be downloaded. */
  readonly uri: string;
  readonly sha256: string;
}

/** The manifest of scripts/krew.yaml for a package. */
export function krewManifest({ version, uri, sha256 }: Package): string {
  const template = readFileSync(join(import.meta.dirname, "krew.yaml"), "utf8");
  return template
    .replace(/^#.*\n#.*\n/, "")
    .replace('"vVERSION"', JSON.stringify(`v${version}`))
    .replace('"URI"', JSON.stringify(uri))
    .replace('"SHA256"', JSON.stringify(sha256));
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined || !URL.canParse(folder)) {
    console.error("usage: node scripts/krew.ts FOLDER_URL, after npm run release");
    process.exitCode = 2;
  } else {
    const { version } = packageJson;
    const name = `curfew-npm-${version}.tgz`;
    const content = readFileSync(join(ROOT, "release", name));
    const sha256 = createHash("sha256").update(content).digest("hex");
    process.stdout.write(krewManifest({ version, uri: `${folder.replace(/\/$/, "")}/${name}`, sha256 }));
  }
}
