/** The shells that the wrappers are tried under, and the title that a promise to be kept under each has. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, test, type TestContext } from "vitest";
import { isolation, type Privileges } from "../../../sim/pods/container.ts";
import { WrappedPod } from "./wrapped-pod.ts";

export interface Shell {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** What the containers may do; default: what containers may do by default. */
  readonly privileges?: Privileges;
}

const find = (command: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path));

export const long = process.env["LONG"] !== undefined;
const inCi = process.env["CI"] !== undefined;

/** The wrapper's script is the same for each user, so one shell will do for these. */
const inLongRuns: readonly Shell[] = [
  { name: "bash as sh", argv: ["bash", "--posix", "--norc"] },
  { name: "dash, drop: [ALL]", argv: ["dash"], privileges: { capabilities: [] } },
  { name: "dash, not root", argv: ["dash"], privileges: { uid: 65_534 } },
];
// Without --norc, bash would read the machine's ~/.bashrc where stdin is a socket, as it is from Node; a container's is none.
const shells: readonly Shell[] = [
  { name: "dash", argv: ["dash"] },
  { name: "bash", argv: ["bash", "--norc"] },
  { name: "busybox ash", argv: ["busybox", "sh"] },
  ...(long ? inLongRuns : []),
];

/** Skips the test where a command that it needs is not there, which CI must not do. */
export const need = (context: TestContext, ...commands: readonly string[]): void => {
  const missing = commands.filter((command) => find(command) === undefined);
  if (missing.length > 0) skip(context, `${missing.join(" and ")} is not installed`);
};

const skip = (context: TestContext, reason: string): void => {
  if (inCi) throw new Error(`must not be skipped in CI: ${reason}`);
  context.skip(reason);
};

export interface PromiseOptions {
  /** What it needs besides a shell: PID namespaces, root in them all, commands. */
  readonly needs?: readonly ("namespaces" | "root" | `command ${string}`)[];
  /** Only in `npm run test:long`. */
  readonly onlyLong?: boolean;
  /** Default: 60. */
  readonly seconds?: number;
}

/** One promise, under each shell: a Pod whose wrappers run in it, removed afterwards. */
export const promise = (
  title: string,
  body: (pod: WrappedPod, context: TestContext) => Promise<void>,
  options: PromiseOptions = {},
): void => {
  if (options.onlyLong === true && !long) return;
  describe(title, { concurrent: true }, () => {
    for (const shell of shells) {
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
            await body(pod, context);
          } finally {
            pod.remove();
          }
        },
        (options.seconds ?? (long ? 600 : 60)) * 1000,
      );
    }
  });
};
