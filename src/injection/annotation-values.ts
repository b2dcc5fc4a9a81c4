/** The values of annotations: one strict form each. Undefined for anything else. */
import { DNS_LABEL } from "./dns-label.ts";

/**
 * The largest int32, which Kubernetes uses for most seconds. Shells that count in 32 bits can
 * handle it, too.
 */
const MAX_SECONDS = 2 ** 31 - 1;

/** Container names, separated by commas; without duplicates. */
export function parseNames(value: string): readonly string[] | undefined {
  const names = value.split(",").map((name) => name.trim());
  return names.every((name) => DNS_LABEL.test(name)) ? [...new Set(names)] : undefined;
}

/** Whole seconds from 0. */
export function parseSeconds(value: string): number | undefined {
  if (!/^\d{1,10}$/.test(value)) return undefined;
  const seconds = Number(value);
  return seconds <= MAX_SECONDS ? seconds : undefined;
}

/** A JSON list of strings, the first of which isn't empty. */
export function parseCommand(value: string): readonly string[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || !parsed.every((part): part is string => typeof part === "string")) return undefined;
  return parsed[0] ? parsed : undefined;
}

/** The absolute path of a program. */
export function parseShell(value: string): string | undefined {
  return /^(\/[\w.+-]+)+$/.test(value) && value.length <= 255 && !/\/\.\.?(\/|$)/.test(value) ? value : undefined;
}
