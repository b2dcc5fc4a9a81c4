/**
 * What shows that a container is a sidecar if no annotation says so. Without evidence Curfew stops
 * no container, so each row must be true of every container that it matches. The planner, `curfew
 * explain`, refusals and metrics read this table, and a test compares docs/reference.md with it.
 * docs/decisions/0007-evidence-is-narrow.md says what was left out, and why.
 */
import { basename } from "./argv.ts";
import type { Container } from "./job.ts";
import type { KnownImage } from "./images/known-images.ts";

interface Evidence {
  /** Completes "is a sidecar, because". */
  readonly because: string;
  /** The exact rule, with near misses that it doesn't match. For the docs. */
  readonly exactly: string;
  /**
   * Whether the evidence is the container's name. It doesn't count if it's also the Job's name, as
   * that says what the work is.
   */
  readonly byName: boolean;
  readonly shows: (container: Container, known: KnownImage | undefined) => boolean;
}

/**
 * Anything but a letter or a digit ends a word. Numbers at the end, as in `proxy-2`, don't count.
 */
const ENDS_IN_PROXY = /proxy[a-z\d]*(?:[^a-z\d]\d+)*$/;
const ENDS_IN_SIDECAR = /(?:^|[^a-z\d])sidecar(?:[^a-z\d]\d+)*$/;
const HAS_DIND = /(?:^|[^a-z\d])dind(?:$|[^a-z\d])/;

/**
 * Words that say what the container does to a proxy or a sidecar, rather than that it is one:
 * `wait-for-proxy`.
 */
// prettier-ignore
const VERBS = [
  "apply", "backup", "build", "check", "clean", "cleanup", "configure", "copy", "create", "delete", "deploy", "disable", "drain",
  "drop", "dump", "e2e", "enable", "export", "fetch", "generate", "import", "init", "install", "kill", "lint", "load", "migrate",
  "patch", "prepare", "publish", "push", "quit", "register", "release", "reload", "remove", "render", "restart", "restore", "run",
  "scan", "seed", "setup", "shutdown", "start", "stop", "sync", "test", "tests", "update", "upgrade", "upload", "validate", "verify",
  "wait", "warm",
];
const SAYS_WHAT_IT_DOES = new RegExp(`(?:^|[^a-z\\d])(?:${VERBS.join("|")})(?:$|[^a-z\\d])`);

export const EVIDENCE = {
  "known-image": {
    because: "its image is a known sidecar",
    exactly:
      "Its row in the table of known images has the role sidecar. If the row names a daemon, the manifest must set no command, or its command must run the daemon: docker:27-dind, unless its command is docker build.",
    byName: false,
    shows: (container, known) => known?.role === "sidecar" && runsDaemon(container, known),
  },
  "proxy-name": {
    because: "its name contains proxy",
    exactly:
      "The last word of its name contains proxy, and no word says what the container does: cloudsql-proxy, haproxy, proxy-2; not migrate-proxy-users, wait-for-proxy or build-proxy.",
    byName: true,
    shows: ({ name }) => ENDS_IN_PROXY.test(name),
  },
  "sidecar-name": {
    because: "its name ends with sidecar",
    exactly:
      "The last word of its name is sidecar, and no word says what the container does: logs-sidecar, sidecar-2; not sidecar-controller or push-sidecar.",
    byName: true,
    shows: ({ name }) => ENDS_IN_SIDECAR.test(name),
  },
  "dind-name": {
    because: "its name contains dind",
    exactly:
      "One word of its name is dind, and none says what the container does: dind, renovate-dind; not dinding or test-in-dind.",
    byName: true,
    shows: ({ name }) => HAS_DIND.test(name),
  },
} as const satisfies Readonly<Record<string, Evidence>>;

export type EvidenceId = keyof typeof EVIDENCE;

const ROWS = Object.entries(EVIDENCE).map(([id, row]) => ({ id: id as EvidenceId, ...(row as Evidence) }));

/**
 * The first row that shows that a container is a sidecar. Undefined: nothing does. `known` is
 * what's known about its image. `ownNames` are the names of its Job, and of the CronJob that made
 * the Job.
 */
export function sidecarEvidence(
  container: Container,
  known: KnownImage | undefined,
  ownNames: readonly string[],
): EvidenceId | undefined {
  const { name } = container;
  for (const { id, byName, shows } of ROWS) {
    if (shows(container, known))
      return byName && (ownNames.includes(name) || SAYS_WHAT_IT_DOES.test(name)) ? undefined : id;
  }
  return undefined;
}

/**
 * Whether it runs the program that makes its image a sidecar, rather than another one in the same
 * image.
 */
function runsDaemon({ command, args }: Container, { daemon }: KnownImage): boolean {
  if (daemon === undefined || !command || command.length === 0) return true;
  const argv = [...command, ...(args ?? [])];
  return argv.some((element, index) => {
    const isScript = argv[index - 1] === "-c" || /\s/.test(element);
    const isProgram = index === 0 || argv[index - 1] === "--";
    // Elsewhere it can be another program's argument, as in `mysql --host proxysql`.
    return isScript ? element.includes(daemon) : isProgram && basename(element).startsWith(daemon);
  });
}
