/**
 * What shows that a container is a sidecar although nobody says so. Curfew stops no container without it, so each row must hold for
 * every container that it fits. The planner, `curfew explain`, refusals and metrics read this table, and a test compares
 * docs/reference.md with it. docs/architecture.md says what was left out, and why.
 */
import type { Container } from "./job.ts";
import type { KnownImage } from "./known-images.ts";

interface Evidence {
  /** Completes "is a sidecar, because". */
  readonly because: string;
  /** The same to the letter, with what comes near and isn't meant. For the docs. */
  readonly exactly: string;
  /** Whether the container's name is what shows it. A name that is the Job's own says what the work is. */
  readonly byName: boolean;
  readonly shows: (container: Container, known: KnownImage | undefined) => boolean;
}

/** Words end where something else than a letter or a digit stands. Numbers at the end, as in `proxy-2`, tell nothing. */
const ENDS_IN_PROXY = /proxy[a-z\d]*(?:[^a-z\d]\d+)*$/;
const ENDS_IN_SIDECAR = /(?:^|[^a-z\d])sidecar(?:[^a-z\d]\d+)*$/;
const HAS_DIND = /(?:^|[^a-z\d])dind(?:$|[^a-z\d])/;

export const EVIDENCE = {
  "known-image": {
    because: "its image is known as a sidecar's",
    exactly:
      "The row of known images for it has the role sidecar, and its argv doesn't hold the row's tool: moby/buildkit, but not where it runs buildctl.",
    byName: false,
    shows: (container, known) => known?.role === "sidecar" && !runsTool(container, known),
  },
  "proxy-name": {
    because: "its name contains proxy",
    exactly: "The last word of its name does: cloudsql-proxy, haproxy, proxy-2; not migrate-proxy-users.",
    byName: true,
    shows: ({ name }) => name.includes("proxy") && ENDS_IN_PROXY.test(name),
  },
  "sidecar-name": {
    because: "its name ends with sidecar",
    exactly: "That is the last word of its name: logs-sidecar, sidecar-2; not sidecar-controller.",
    byName: true,
    shows: ({ name }) => name.includes("sidecar") && ENDS_IN_SIDECAR.test(name),
  },
  "dind-name": {
    because: "its name contains dind",
    exactly: "That is a word of its name: dind, build-dind-daemon; not dinding.",
    byName: true,
    shows: ({ name }) => name.includes("dind") && HAS_DIND.test(name),
  },
} as const satisfies Readonly<Record<string, Evidence>>;

export type EvidenceId = keyof typeof EVIDENCE;

const ROWS = Object.entries(EVIDENCE).map(([id, row]) => ({ id: id as EvidenceId, ...(row as Evidence) }));

/**
 * The first row that shows that a container is a sidecar; undefined: nothing does. `known` is what is known of its image, `ownNames`
 * are the names of the Job that it is in, and of the CronJob that made that.
 */
export function sidecarEvidence(
  container: Container,
  known: KnownImage | undefined,
  ownNames: readonly string[],
): EvidenceId | undefined {
  const row = ROWS.find(({ shows }) => shows(container, known));
  if (row === undefined) return undefined;
  return row.byName && ownNames.includes(container.name) ? undefined : row.id;
}

/** Whether it runs the image's client or does its work once, rather than what makes the image a sidecar's. */
function runsTool({ command, args }: Container, { tool }: KnownImage): boolean {
  return tool !== undefined && [...(command ?? []), ...(args ?? [])].some((element) => element.includes(tool));
}
