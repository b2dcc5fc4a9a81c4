/** What the configuration file refers to: files and the environment. */
import { messageOf } from "../../process/errors.ts";
import type { SecretSource } from "./schema.ts";

/** How files and the environment are read. Passed in, so that tests need neither. */
export interface Outside {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @throws if there's no such file. */
  readonly readFile: (path: string) => string;
  /** True: no secret is read, and each counts as empty, which is only good for a check. */
  readonly skipSecrets?: boolean;
}

/** A text, or why there's none. The problem never has a secret in it. */
export type Read = { readonly text: string } | { readonly problem: string };

/** Reads a file's text. */
export function readFile({ readFile: read }: Outside, path: string): Read {
  try {
    return { text: read(path) };
  } catch (error) {
    // Without Node's code, and without the path again: "ENOENT: no such file or directory, open …".
    const why = messageOf(error).replace(/^E[A-Z]+: ([^,]+), .*$/, "$1");
    return { problem: `can't read ${path}: ${why}` };
  }
}

/** Reads a secret, without the space around it, such as the newline at a file's end. */
export function readSecret(outside: Outside, source: SecretSource): Read {
  const read = "file" in source ? readFile(outside, source.file) : { text: outside.env[source.env] ?? "" };
  if ("problem" in read) return read;
  const text = read.text.trim();
  if (text !== "") return { text };
  return {
    problem:
      "file" in source ? `${source.file} is empty` : `the environment variable ${source.env} is empty or not set`,
  };
}
