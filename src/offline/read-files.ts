/** The input of the offline subcommands: files, directories and standard input, as `kubectl -f` takes them. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { parseManifests, type ManifestFile } from "./manifests.ts";

export type ReadResult =
  | { readonly kind: "read"; readonly files: readonly ManifestFile[] }
  | { readonly kind: "unreadable"; readonly problems: readonly string[] };

export interface Input {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/** Reads what `paths` name; `-`, or no path at all, is standard input. Of a directory: its own .json, .yaml and .yml files. */
export async function readFiles(paths: readonly string[], { stdin }: Input = process): Promise<ReadResult> {
  if (paths.length === 0 && stdin.isTTY) {
    return { kind: "unreadable", problems: ["nothing to read: name a file with -f, or pipe a manifest in"] };
  }
  const files: ManifestFile[] = [];
  const problems: string[] = [];
  for (const path of paths.length === 0 ? ["-"] : paths) {
    try {
      for (const name of await expand(path)) {
        const text = (name === "-" ? await buffer(stdin) : await readFile(name)).toString("utf8");
        const parsed = parseManifests(name === "-" ? "standard input" : name, text.replace(/^\uFEFF/, ""));
        if (parsed.kind === "parsed") files.push(parsed.file);
        else problems.push(...parsed.problems);
      }
    } catch (error) {
      problems.push(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems.length === 0 ? { kind: "read", files } : { kind: "unreadable", problems };
}

async function expand(path: string): Promise<string[]> {
  if (path === "-" || !(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => /\.(json|ya?ml)$/.test(name))
    .sort()
    .map((name) => join(path, name));
}
