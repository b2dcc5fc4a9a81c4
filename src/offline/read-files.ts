/**
 * The input of the offline subcommands: files, directories and standard input, as with `kubectl
 * -f`.
 */
import { isUtf8 } from "node:buffer";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { parseManifests, type ManifestFile } from "./manifests.ts";
import { messageOf } from "../process/errors.ts";

export type ReadResult =
  | { readonly kind: "read"; readonly files: readonly ManifestFile[] }
  | { readonly kind: "unreadable"; readonly problems: readonly string[] };

export interface Input {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/**
 * Reads and parses what `paths` name. `-`, or no path at all, is standard input. In a directory, it
 * reads the .json, .yaml and .yml files, but not those in subdirectories. Never throws for a file
 * that can't be read: those are in `problems`.
 */
export async function readFiles(paths: readonly string[], { stdin }: Input = process): Promise<ReadResult> {
  if (paths.length === 0 && stdin.isTTY) {
    return { kind: "unreadable", problems: ["nothing to read: name a file with -f, or pipe a manifest in"] };
  }
  const files: ManifestFile[] = [];
  const problems: string[] = [];
  for (const path of paths.length === 0 ? ["-"] : paths) {
    try {
      for (const name of await expand(path)) {
        const bytes = name === "-" ? await buffer(stdin) : await readFile(name);
        const shown = name === "-" ? "standard input" : name;
        const problem = problemWith(bytes);
        if (problem !== undefined) {
          problems.push(`cannot read ${shown}: ${problem}`);
          continue;
        }
        const parsed = parseManifests(shown, bytes.toString("utf8"));
        if (parsed.kind === "parsed") files.push(parsed.file);
        else problems.push(...parsed.problems);
      }
    } catch (error) {
      problems.push(`cannot read ${path}: ${messageOf(error)}`);
    }
  }
  return problems.length === 0 ? { kind: "read", files } : { kind: "unreadable", problems };
}

async function expand(path: string): Promise<string[]> {
  if (path === "-" || !(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.(json|ya?ml)$/.test(name)).sort();
  if (names.length === 0) throw new Error("it has no .json, .yaml or .yml files; subdirectories aren't searched");
  return names.map((name) => join(path, name));
}

/** Undefined: kubectl could read this text, too. */
function problemWith(bytes: Buffer): string | undefined {
  const byteOrderMark = bytes.subarray(0, 2).toString("hex");
  if (byteOrderMark === "fffe" || byteOrderMark === "feff") {
    return "it's UTF-16, and kubectl reads UTF-8 (PowerShell: Out-File -Encoding utf8)";
  }
  if (bytes.includes(0)) return "it has NUL bytes, so it's a binary file, not a manifest";
  return isUtf8(bytes) ? undefined : "it isn't UTF-8: a binary file, or text in another encoding";
}
