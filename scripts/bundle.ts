/**
 * The bundle in dist/. Each subcommand has a chunk of its own, and others hold what they share, so
 * a process loads only its own code. It includes sim/, which `curfew demo` uses, but no tests.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildResult, type Metafile, type Plugin } from "esbuild";
import { commitOf } from "../src/process/version.ts";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Bundled CommonJS packages call `require` for Node's modules, and ES modules have no `require`.
 */
const REQUIRE = `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`;

/**
 * client-node's configuration imports two small modules through an index that loads a thousand
 * generated models. `curfew dispatch` needs none of them, so this imports the two directly, which
 * saves 80 MiB of memory.
 */
const CONFIG_WITHOUT_MODELS: Plugin = {
  name: "config-without-models",
  setup(esbuild) {
    esbuild.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ path, importer, resolveDir }) =>
      /[\\/]client-node[\\/]dist[\\/]config\.js$/.test(importer)
        ? { path, namespace: CONFIG_WITHOUT_MODELS.name, pluginData: resolveDir }
        : undefined,
    );
    esbuild.onLoad({ filter: /./, namespace: CONFIG_WITHOUT_MODELS.name }, ({ pluginData }) => ({
      resolveDir: String(pluginData),
      contents: `export { createConfiguration } from "./gen/configuration.js"; export { ServerConfiguration } from "./gen/servers.js";`,
    }));
  },
};

/**
 * What the bundle says that it was built from. The image is built without .git, so its Dockerfile
 * hands the commit in.
 */
export const commit = (): string => process.env["CURFEW_COMMIT"] ?? commitOf(ROOT);

/**
 * When what's built is from, in seconds since 1970: SOURCE_DATE_EPOCH, or the commit's time. Undefined
 * if there's neither. See reproducible-builds.org/docs/source-date-epoch.
 */
export function sourceDate(): number | undefined {
  const seconds = process.env["SOURCE_DATE_EPOCH"] ?? timeOfCommit();
  return seconds !== undefined && /^\d+$/.test(seconds) ? Number(seconds) : undefined;
}

function timeOfCommit(): string | undefined {
  if (!existsSync(join(ROOT, ".git"))) return undefined;
  const { stdout } = spawnSync("git", ["-C", ROOT, "log", "-1", "--format=%ct"], { encoding: "utf8" });
  return stdout.trim();
}

/** Bundles src/cli.ts and all it imports. Without `write`, the files are only in the result. */
export function bundle(write: boolean): Promise<BuildResult<{ metafile: true }>> {
  return build({
    absWorkingDir: ROOT,
    entryPoints: ["src/cli.ts"],
    outdir: "dist",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    banner: { js: REQUIRE },
    define: { CURFEW_COMMIT: JSON.stringify(commit()) },
    legalComments: "none", // licences.txt has all of them
    plugins: [CONFIG_WITHOUT_MODELS],
    metafile: true,
    write,
    logLevel: "error",
  });
}

/**
 * All source files that Node loads when it imports `source`. Dynamic imports aren't followed.
 * @throws if `source` isn't imported dynamically itself, as it then has no chunk.
 */
export function loadedWith(source: string, { outputs }: Metafile): Set<string> {
  const loaded = new Set(Object.keys(outputs).filter((name) => outputs[name]?.entryPoint === source));
  if (loaded.size === 0)
    throw new Error(`${source} isn't an entry point of the bundle: is it still imported dynamically?`);
  const inputs = new Set<string>();
  for (const name of loaded) {
    for (const input of Object.keys(outputs[name]?.inputs ?? {})) inputs.add(input);
    for (const { path, kind } of outputs[name]?.imports ?? []) {
      if (kind === "import-statement" && outputs[path]) loaded.add(path); // the loop reaches what it adds
    }
  }
  return inputs;
}

/** The names of the npm packages that these source files belong to, sorted. */
export function packagesOf(inputs: Iterable<string>): string[] {
  const names = new Set<string>();
  for (const input of inputs) {
    const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input) ?? [];
    if (name) names.add(name);
  }
  return [...names].sort();
}

/** The name, version and licence text of every package in the bundle. */
export async function licences({ inputs }: Metafile): Promise<string> {
  const folders = new Set(
    Object.keys(inputs).flatMap((input) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []),
  );
  const texts = await Promise.all([...folders].sort().map((folder) => licence(join(ROOT, folder))));
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function licence(folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
  const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
  const text = file ? await readFile(join(folder, file), "utf8") : `See ${relative(ROOT, folder)}/package.json.`;
  return `${String(manifest["name"])} ${String(manifest["version"])} (${String(manifest["license"])})\n\n${text.trim()}\n`;
}
