/**
 * `npm run release [-- --image REPOSITORY [--digest sha256:…]]` writes what a release has to
 * release/. The same commit gives the same bytes: files are dated with the commit, sorted, and
 * root's. CONTRIBUTING.md says how a release is made of them.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { editYaml } from "../src/offline/edit-yaml.ts";
import { messageOf } from "../src/process/errors.ts";
import { archive, type ArchivedFile } from "./archive.ts";
import { commit, ROOT, sourceDate } from "./bundle.ts";

const { version } = packageJson;
const RELEASE = join(ROOT, "release");
const CHART = "charts/curfew";

const USAGE = `usage: npm run release [-- --image REPOSITORY [--digest sha256:DIGEST]]

  --image   where the image is, without a tag: registry.example/curfew
            (default: curfew; the tag is the version, ${version})
  --digest  the image's digest, which then takes the tag's place`;

/** The image that install.yaml and the chart name. */
export interface Image {
  readonly repository: string;
  /** `sha256:` and 64 hexadecimal digits. Without it, the tag is the version. */
  readonly digest: string | undefined;
}

/** The image that the command line names, or what's wrong with it, and what to write instead. */
export function parseImage(args: readonly string[]): Image | { readonly problem: string } {
  let values: { image?: string | undefined; digest?: string | undefined };
  try {
    ({ values } = parseArgs({ args: [...args], options: { image: { type: "string" }, digest: { type: "string" } } }));
  } catch (error) {
    return { problem: messageOf(error) };
  }
  const { image, digest } = values;
  if (
    image !== undefined &&
    !/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:\d+(?=\/))?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/.test(image)
  )
    return { problem: `--image ${image} isn't a repository. Write it without tag or digest: registry.example/curfew` };
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))
    return { problem: `--digest ${digest} isn't a digest. Write sha256: and 64 hexadecimal digits` };
  if (digest !== undefined && image === undefined)
    return { problem: "--digest is of an image: give its repository, too, as in --image registry.example/curfew" };
  return { repository: image ?? "curfew", digest };
}

const nameOf = ({ repository, digest }: Image): string =>
  digest === undefined ? `${repository}:${version}` : `${repository}@${digest}`;

/**
 * manifests/default with `image`, as kubectl renders it: a second kustomize would have to be proven
 * equal to the one that people use.
 * @throws if neither kubectl nor kustomize is there, or if it fails
 */
function renderInstall(image: Image): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "curfew-release-")));
  const { repository, digest } = image;
  const kustomization = {
    resources: [relative(folder, join(ROOT, "manifests/default"))],
    images: [{ name: "curfew", newName: repository, ...(digest === undefined ? { newTag: version } : { digest }) }],
  };
  try {
    writeFileSync(join(folder, "kustomization.yaml"), JSON.stringify(kustomization));
    const objects = kustomize(folder);
    return `# Curfew ${version}, commit ${commit()}: manifests/default with ${nameOf(image)}\n${objects}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function kustomize(folder: string): string {
  for (const [program, verb] of [
    ["kubectl", "kustomize"],
    ["kustomize", "build"],
  ] as const) {
    const { error, status, stdout, stderr } = spawnSync(program, [verb, folder], { encoding: "utf8" });
    if (status === 0) return stdout;
    if (error === undefined) throw new Error(`${program} ${verb} failed: ${stderr.trim()}`);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  throw new Error("install.yaml is rendered by kubectl, which isn't in PATH: install kubectl or kustomize");
}

/** The chart as `helm package` makes it, but reproducible, and with `image` in its values. */
function packChart({ repository, digest }: Image, seconds: number): Promise<Buffer> {
  const listed = git("ls-files", "-z", "--", CHART);
  const files = listed
    .split("\0")
    .filter(Boolean)
    .map((file): ArchivedFile => {
      const content = readFileSync(join(ROOT, file));
      const path = join("curfew", relative(CHART, file));
      return path === "curfew/values.yaml" ? { path, content: withImage(content.toString()) } : { path, content };
    });
  return archive(files, seconds);

  function withImage(values: string): Buffer {
    const { text, inPlace } = editYaml(values, [
      { op: "add", path: "/image/repository", value: repository },
      ...(digest === undefined ? [] : [{ op: "add", path: "/image/digest", value: digest } as const]),
    ]);
    if (!inPlace) throw new Error(`${CHART}/values.yaml can't be edited without losing its comments`);
    return Buffer.from(text);
  }
}

/** What `npm pack` packs. */
function packNpm(seconds: number): Promise<Buffer> {
  const listed = JSON.parse(npm("pack", "--dry-run", "--json", "--ignore-scripts")) as [
    { readonly files: readonly { readonly path: string }[] },
  ];
  const files = listed[0].files.map(({ path }) => ({
    path: `package/${path}`,
    content: readFileSync(join(ROOT, path)),
    executable: (statSync(join(ROOT, path)).mode & 0o100) !== 0,
  }));
  return archive(files, seconds);
}

const npm = (...args: readonly string[]): string =>
  execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 << 20 });

const git = (...args: readonly string[]): string => execFileSync("git", ["-C", ROOT, ...args], { encoding: "utf8" });

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

async function release(image: Image): Promise<void> {
  const seconds = sourceDate();
  if (seconds === undefined) throw new Error("a release needs git, and a checkout with its history");
  rmSync(RELEASE, { recursive: true, force: true });
  mkdirSync(RELEASE);
  const write = (name: string, content: string | Uint8Array): void => {
    writeFileSync(join(RELEASE, name), content);
  };

  write("install.yaml", renderInstall(image)); // first, as it may lack kubectl
  npm("run", "--silent", "build");
  copyFileSync(join(ROOT, "dist/sbom.cdx.json"), join(RELEASE, "sbom.cdx.json"));
  write(`curfew-chart-${version}.tgz`, await packChart(image, seconds));
  write(`curfew-npm-${version}.tgz`, await packNpm(seconds));
  const sums = readdirSync(RELEASE)
    .sort()
    .map((name) => `${sha256(readFileSync(join(RELEASE, name)))}  ${name}\n`)
    .join("");
  write("SHA256SUMS", sums);

  console.log(`release/ has Curfew ${version}, commit ${commit()}, with the image ${nameOf(image)}:\n\n${sums}`);
  if (commit().endsWith("-dirty")) console.error("Files have changed since that commit: don't publish this.");
}

if (import.meta.main) {
  const image = parseImage(process.argv.slice(2));
  if ("problem" in image) {
    console.error(`${image.problem}\n\n${USAGE}`);
    process.exitCode = 2;
  } else {
    try {
      await release(image);
    } catch (error) {
      console.error(`npm run release: ${messageOf(error)}`);
      process.exitCode = 1;
    }
  }
}
