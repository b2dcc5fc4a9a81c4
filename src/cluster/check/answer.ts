/** What the API server says to a question, as values: what isn't known says why. */
import { docsUrl } from "../../process/docs.ts";
import { skipped, type Finding } from "./finding.ts";

export type Answer<T> = Known<T> | Unknown;

/** `value` is undefined if the object doesn't exist. */
export interface Known<T> {
  readonly kind: "known";
  readonly value: T;
}

export interface Unknown {
  readonly kind: "unknown";
  /** `you're not allowed to list namespaces`, or `can't list namespaces: …`. */
  readonly why: string;
  /** What it takes to know: `list namespaces`. Undefined if it isn't a permission. */
  readonly permission?: string;
  /** The API server was too busy to answer. */
  readonly isBusy?: true;
}

export function known<T>(value: T): Known<T> {
  return { kind: "known", value };
}

/** `what` continues "you're not allowed to": `list namespaces`. */
export function denied(what: string): Unknown {
  return { kind: "unknown", why: `you're not allowed to ${what}`, permission: what };
}

export function failed(what: string, why: string): Unknown {
  return { kind: "unknown", why: `can't ${what}: ${why}` };
}

export function busy(what: string, why: string): Unknown {
  return { kind: "unknown", why: `can't ${what}: ${why}`, isBusy: true };
}

/** What `run` makes of the value, or that it's skipped, and why. */
export function whenKnown<T>(answer: Answer<T>, run: (value: T) => readonly Finding[]): readonly Finding[] {
  return answer.kind === "known" ? run(answer.value) : [notLookedAt(answer)];
}

/** What to do without this permission, such as `list namespaces`. */
export function askFor(permission: string): string {
  return `run the check as a user who's allowed to ${permission}, or ask for that permission`;
}

/** @param subject what wasn't looked at, if `why` alone doesn't say so */
export function notLookedAt({ why, permission }: Unknown, subject?: string): Finding {
  const hint =
    permission === undefined ? "try again; --request-timeout 30s gives the API server more time" : askFor(permission);
  const text = subject === undefined ? why : `${subject}: ${why}`;
  return skipped(text, hint, docsUrl("reference", "curfew-check"));
}
