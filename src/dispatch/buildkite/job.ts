/**
 * A Buildkite job as the dispatcher needs it, whether from a webhook or from the Stacks API. It's
 * always called `buildkiteJob`, as a `job` is Kubernetes'.
 */

import { z } from "zod";

export interface BuildkiteJob {
  /** A valid UUID in lower case. */
  readonly id: string;
  /**
   * Its agent query rules, `key=value`. One is the queue's, which can be absent on the default
   * queue.
   */
  readonly rules: readonly string[];
  readonly priority: number;
  /** When it began to wait for an agent, in milliseconds since 1970. */
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

/** Parses a Buildkite job from its JSON. Undefined if the text is anything else. */
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
  | "reserved" // by a stack, which will start an agent
  | "held" // an agent has it
  | "over" // an agent has run it
  | "dropped" // over, most likely without an agent, for example because it was cancelled
  | "unknown"; // not to be run yet, or a state that we don't know

/**
 * Buildkite's states, from the API and from webhooks
 * (https://buildkite.com/docs/pipelines/configure/defining-steps#job-states); for `finished` in the
 * Stacks API, REST and webhooks say `passed` or `failed`.
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

/** Where a job in this state stands. */
export function standingOf(state: string): JobStanding {
  return Object.hasOwn(STANDINGS, state) ? (STANDINGS[state] ?? "unknown") : "unknown";
}

/** Whether there's nothing left to do for a job. */
export function isOver(standing: JobStanding | undefined): boolean {
  return standing === "over" || standing === "dropped";
}

/** Whether an agent has a job, or nobody needs to any more. */
export function isTaken(standing: JobStanding | undefined): boolean {
  return standing === "held" || isOver(standing);
}

/** Whether a job still needs an agent. */
export function isToBeTaken(standing: JobStanding | undefined): boolean {
  return standing === "waiting" || standing === "reserved";
}
