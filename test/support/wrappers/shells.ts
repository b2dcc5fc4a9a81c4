/**
 * The shells that the wrappers are tested under, and tests for promises that must hold under each.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, test, type TestContext } from "vitest";
import { isolation, type Privileges } from "../../../sim/pods/container.ts";
import { WrappedPod } from "./wrapped-pod.ts";

export interface Shell {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** What the containers are allowed to do. Default: what containers can do by default. */
  readonly privileges?: Privileges;
}

const find = (command: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path));

export const long = process.env["LONG"] !== undefined;
/** `LONG=0.3 npm run test:long` does three tenths of the repetitions. */
const share = long ? Number(process.env["LONG"]) || 1 : 0;
const inCi = process.env["CI"] !== undefined;

/** How often to try what goes wrong by bad luck only: `many` times in a long run, otherwise `few`. */
export const repetitions = (few: number, many: number): number => Math.max(few, Math.round(many * share));

/** The wrapper's script is the same for each user, so these need only one shell. */
const inLongRuns: readonly Shell[] = [
  { name: "bash as sh", argv: ["bash", "--posix", "--norc"] },
  { name: "dash, drop: [ALL]", argv: ["dash"], privileges: { capabilities: [] } },
  { name: "dash, not root", argv: ["dash"], privileges: { uid: 65_534 } },
];
// Without --norc, bash would read the machine's ~/.bashrc, because Node makes stdin a socket. A
// container's stdin isn't one.
const shells: readonly Shell[] = [
  { name: "dash", argv: ["dash"] },
  { name: "bash", argv: ["bash", "--norc"] },
  { name: "busybox ash", argv: ["busybox", "sh"] },
  ...(long ? inLongRuns : []),
];

/** Skips the test if a command that it needs isn't installed. In CI, that's an error. */
export const need = (context: TestContext, ...commands: readonly string[]): void => {
  const missing = commands.filter((command) => find(command) === undefined);
  if (missing.length > 0) skip(context, `${missing.join(" and ")} is not installed`);
};

const skip = (context: TestContext, reason: string): void => {
  if (inCi) throw new Error(`must not be skipped in CI: ${reason}`);
  context.skip(reason);
};

/**
 * Of these cases, those to try under the shell that's the `index`-th: all in a whole long run, and
 * its share in part of one, in which each case is tried under one shell or another. None in a short
 * run.
 */
const dealtTo =
  (index: number) =>
  <T>(cases: readonly T[]): readonly T[] =>
    share >= 1 ? cases : cases.filter((_, at) => long && at % shells.length === index);

export interface PromiseOptions {
  /** What the test needs besides a shell: PID namespaces, root in all of them, commands. */
  readonly needs?: readonly ("namespaces" | "root" | `command ${string}`)[];
  /** Only in `npm run test:long`. */
  readonly onlyLong?: boolean;
  /** Default: 60. */
  readonly seconds?: number;
}

/**
 * Tests one promise under each shell, in a Pod whose wrappers run in that shell. Removes the Pod
 * afterwards.
 */
export const promise = (
  title: string,
  body: (pod: WrappedPod, context: TestContext, dealt: ReturnType<typeof dealtTo>) => Promise<void>,
  options: PromiseOptions = {},
): void => {
  if (options.onlyLong === true && !long) return;
  describe(title, { concurrent: true }, () => {
    for (const [index, shell] of shells.entries()) {
      test(
        `under ${shell.name}`,
        async (context) => {
          need(context, shell.argv[0]);
          for (const what of options.needs ?? []) {
            if (what.startsWith("command ")) need(context, what.slice("command ".length));
            else if (isolation.kind === "none") skip(context, isolation.reason);
            else if (what === "root" && isolation.kind !== "root") skip(context, "it needs root");
          }
          const [command, ...flags] = shell.argv;
          if (shell.privileges && isolation.kind !== "root") skip(context, "it needs root");
          const pod = new WrappedPod([find(command) ?? command, ...flags], shell.privileges);
          try {
            await body(pod, context, dealtTo(index));
          } finally {
            pod.remove();
          }
        },
        (options.seconds ?? (long ? 600 : 60)) * 1000,
      );
    }
  });
};
