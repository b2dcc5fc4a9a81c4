/**
 * Checks JSON values. The checks are written by hand because they run on every review: they copy
 * nothing, and build no path until something is wrong. zod copies what it parses, and the admission
 * bundle would have to load it (docs/decisions/0016-kept-by-hand.md).
 */
import { quote } from "./quote.ts";

/**
 * Undefined if the value fits. Otherwise the rest of its JSON Pointer, and what's wrong there:
 * `/name must be a string`.
 */
export type Check = (value: unknown) => string | undefined;

export const anything: Check = () => undefined;

export const string: Check = (value) => (typeof value === "string" ? undefined : " must be a string");

export const boolean: Check = (value) => (typeof value === "boolean" ? undefined : " must be true or false");

export const integer: Check = (value) => (Number.isSafeInteger(value) ? undefined : " must be a whole number");

/** To Kubernetes, null means absent. */
export function optional(check: Check): Check {
  return (value) => (value === undefined || value === null ? undefined : check(value));
}

/** A string of at most `length` UTF-16 units. */
export function textOfAtMost(length: number): Check {
  return (value) =>
    typeof value === "string" && value.length > length ? ` has more than ${length} characters` : string(value);
}

/** A list of at most `atMost` items that all pass `check`. Stops at the first problem. */
export function listOf(check: Check, atMost = Number.POSITIVE_INFINITY): Check {
  return (value) => {
    if (!Array.isArray(value)) return " must be a list";
    if (value.length > atMost) return ` has more than ${atMost} items, the most that Curfew accepts`;
    for (let index = 0; index < value.length; index += 1) {
      const problem = check(value[index]);
      if (problem !== undefined) return `/${index}${problem}`;
    }
    return undefined;
  };
}

/** An object whose `fields` pass their checks. Other fields aren't looked at. */
export function objectWith(fields: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(fields);
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return " must be an object";
    for (const [name, check] of entries) {
      const problem = check((value as Record<string, unknown>)[name]);
      if (problem !== undefined) return `/${name}${problem}`;
    }
    return undefined;
  };
}

export const mapOfStrings: Check = (value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return " must be an object";
  for (const key in value) {
    const problem = string((value as Record<string, unknown>)[key]);
    // A key may be any text of any length, so it's quoted instead of being part of the pointer.
    if (problem !== undefined) return `: ${quote(key)}${problem}`;
  }
  return undefined;
};
