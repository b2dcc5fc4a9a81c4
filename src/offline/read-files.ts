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
import { PROGRAM } from "../process/program.ts";

export type ReadResult =
  | { readonly kind: "read"; readonly files: readonly ManifestFile[] }
  | { readonly kind: "unreadable"; readonly problems: readonly string[] };

export interface Input {
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Also read what's in the subdirectories of directories. */
  readonly recursive?: boolean;
  /** What people type to run this, for messages: `curfew inject`. */
  readonly command?: string;
}

/**
 * Reads and parses what `paths` name. `-`, or no path at all, is standard input. In a directory, it
 * reads the .json, .yaml and .yml files. Never throws for a file that can't be read: those are in
 * `problems`.
 */
export async function readFiles(
  paths: readonly string[],
  { stdin = process.stdin, recursive = false, command = PROGRAM }: Input = {},
): Promise<ReadResult> {
  if (paths.length === 0 && stdin.isTTY) {
    return { kind: "unreadable", problems: ["nothing to read: name a file with -f, or pipe a manifest in"] };
  }
  const files: ManifestFile[] = [];
  const problems: string[] = [];
  for (const path of paths.length === 0 ? ["-"] : paths) {
    if (URL_FORM.test(path)) {
      problems.push(`cannot read ${path}: ${whyNoUrl(path, command)}`);
      continue;
    }
    try {
      for (const name of await expand(path, recursive)) {
        const bytes = name === "-" ? await buffer(stdin) : await readFile(name);
        const read = parseBytes(name === "-" ? "standard input" : name, bytes);
        if (read.kind === "read") files.push(...read.files);
        else problems.push(...read.problems);
      }
    } catch (error) {
      problems.push(`cannot read ${path}: ${messageOf(error)}`);
    }
  }
  return problems.length === 0 ? { kind: "read", files } : { kind: "unreadable", problems };
}

/** Parses the bytes of a file that messages call `name`. */
export function parseBytes(name: string, bytes: Buffer): ReadResult {
  const problem = problemWith(bytes);
  if (problem !== undefined) return { kind: "unreadable", problems: [`cannot read ${name}: ${problem}`] };
  const parsed = parseManifests(name, bytes.toString("utf8"));
  return parsed.kind === "parsed"
    ? { kind: "read", files: [parsed.file] }
    : { kind: "unreadable", problems: parsed.problems };
}

const URL_FORM = /^[a-z][a-z0-9+.-]*:\/\//i;

function whyNoUrl(url: string, command: string): string {
  const quoted = /^[\w@%+=:,./-]+$/.test(url) ? url : `'${url.replaceAll("'", String.raw`'\''`)}'`;
  return `it's a URL, and Curfew reads only what's on this machine. Instead: curl -fsSL ${quoted} | ${command} -f -`;
}

async function expand(path: string, recursive: boolean): Promise<string[]> {
  if (path === "-" || !(await stat(path)).isDirectory()) return [path];
  const found = await manifestsIn(path, recursive);
  if (found.length > 0) return found;
  const where = recursive ? "; nor have its subdirectories" : "; its subdirectories are searched only with -R";
  throw new Error(`it has no .json, .yaml or .yml files${where}`);
}

/** In the order of kubectl: by name, and a subdirectory's where its own name is. */
async function manifestsIn(directory: string, recursive: boolean): Promise<string[]> {
  const entries = (await readdir(directory, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const found = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return recursive ? manifestsIn(path, recursive) : [];
    return /\.(json|ya?ml)$/.test(entry.name) ? [path] : [];
  });
  return (await Promise.all(found)).flat();
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
