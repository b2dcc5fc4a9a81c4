/** A Buildkite job as the dispatcher needs it, wherever it was heard of. `buildkiteJob` is never called `job`: that is Kubernetes'. */

import { z } from "zod";

export interface BuildkiteJob {
  /** A UUID in lower case, checked. */
  readonly id: string;
  /** Its agent query rules, `key=value`, the queue's among them (or absent, on the default queue). */
  readonly rules: readonly string[];
  readonly priority: number;
  /** Milliseconds since 1970 at which it began to wait for an agent. */
  readonly waitingSince?: number;
  readonly pipeline?: string;
  readonly branch?: string;
  readonly buildUrl?: string;
}

const schema: z.ZodType<BuildkiteJob> = z.object({
  id: z.string(),
  rules: z.array(z.string()),
  priority: z.number(),
  waitingSince: z.number().exactOptional(),
  pipeline: z.string().exactOptional(),
  branch: z.string().exactOptional(),
  buildUrl: z.string().exactOptional(),
});

/** Reads one that was written as JSON; undefined where the text is something else. */
export function parseBuildkiteJob(text: string): BuildkiteJob | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Where a job stands, as far as it matters here. */
export type JobStanding =
  | "waiting" // for an agent
  | "reserved" // by a stack, which is bringing an agent
  | "held" // an agent has it
  | "over" // an agent has run it
  | "dropped" // it is over, most likely without an agent: cancelled, for one
  | "unknown"; // not yet to be run, or a state of the future

/**
 * Buildkite's states, from the API and from webhooks (https://buildkite.com/docs/pipelines/configure/defining-steps#job-states); REST
 * and webhooks say `passed` and `failed` where the Stacks API says `finished`.
 */
const STANDINGS: Readonly<Record<string, JobStanding>> = {
  scheduled: "waiting",
  reserved: "reserved",
  assigned: "held",
  accepted: "held",
  running: "held",
  canceling: "held",
  timing_out: "held",
  finished: "over",
  passed: "over",
  failed: "over",
  canceled: "dropped",
  timed_out: "over",
  skipped: "dropped",
  broken: "dropped",
  expired: "dropped",
};

export function standingOf(state: string): JobStanding {
  return Object.hasOwn(STANDINGS, state) ? (STANDINGS[state] ?? "unknown") : "unknown";
}

/** Nothing more is to be done for it. */
export function isOver(standing: JobStanding | undefined): boolean {
  return standing === "over" || standing === "dropped";
}
