/** Which of our queues a Buildkite job belongs to, and which of its templates serves it. Pure. */
import type { BuildkiteJob } from "../buildkite/job.ts";
import type { DispatchConfig, QueueConfig, TaggedTemplate } from "../config/dispatch-config.ts";
import type { JobOrigin } from "../buildkite/event.ts";

export type Route =
  | { readonly kind: "queue"; readonly queue: QueueConfig; readonly template: TaggedTemplate }
  | { readonly kind: "elsewhere"; readonly reason: "other-organization" | "other-cluster" | "other-queue" }
  | UnservedTags;

/** The job is this queue's, but none of its templates has all the tags that the job asks for. */
export interface UnservedTags {
  readonly kind: "elsewhere";
  readonly reason: "unserved-tags";
  readonly queue: QueueConfig;
  /** What it asks for besides its queue, `key=value`. */
  readonly tags: readonly string[];
}

/**
 * Routes a delivery. A delivery that names no cluster or no organization isn't turned away for
 * that.
 */
export function routeDelivery(config: DispatchConfig, buildkiteJob: BuildkiteJob, origin: JobOrigin): Route {
  if (isOther(config.organization, origin.organization)) return { kind: "elsewhere", reason: "other-organization" };
  if (isOther(config.cluster, origin.clusterId)) return { kind: "elsewhere", reason: "other-cluster" };
  const wanted = tagsOf(buildkiteJob.rules).get("queue");
  const queue = config.queues.find((one) => {
    if (one.id !== undefined && origin.queueId !== undefined) return one.id === origin.queueId;
    return wanted === undefined ? one.default : one.name === wanted;
  });
  return queue ? routeInQueue(queue, buildkiteJob) : { kind: "elsewhere", reason: "other-queue" };
}

/**
 * Chooses the template: the first whose tags have everything that the job asks for besides its
 * queue. If the job asks for nothing else, it's the first without tags. A job that fits no template
 * isn't ours. That matters most in acquire mode, where the agent doesn't compare tags
 * (https://buildkite.com/docs/agent/cli/reference/start: `acquire-job` ignores them).
 */
export function routeInQueue(queue: QueueConfig, buildkiteJob: BuildkiteJob): Route {
  const asked = tagsOf(buildkiteJob.rules);
  asked.delete("queue");
  const serves = ({ tags }: TaggedTemplate): boolean =>
    hasAll(tags, asked) && (asked.size > 0 || Object.keys(tags).length === 0);
  const template = queue.templates.find(serves);
  if (template) return { kind: "queue", queue, template };
  return {
    kind: "elsewhere",
    reason: "unserved-tags",
    queue,
    tags: [...asked].map(([key, value]) => `${key}=${value}`),
  };
}

/** Whether an agent of this template's Jobs has every tag that a job asks for besides its queue. */
export function agentCanTake({ tags }: TaggedTemplate, { rules }: BuildkiteJob): boolean {
  const asked = tagsOf(rules);
  asked.delete("queue");
  return hasAll(tags, asked);
}

function hasAll(tags: TaggedTemplate["tags"], asked: ReadonlyMap<string, string>): boolean {
  return [...asked].every(([key, value]) => Object.hasOwn(tags, key) && (value === "*" || tags[key] === value));
}

function isOther(ours: string | undefined, theirs: string | undefined): boolean {
  return ours !== undefined && theirs !== undefined && ours !== theirs;
}

function tagsOf(rules: readonly string[]): Map<string, string> {
  return new Map(
    rules.map((rule) => {
      const at = rule.indexOf("=");
      // A bare `docker` is the tag docker=true.
      return at < 0 ? [rule.trim(), "true"] : [rule.slice(0, at).trim(), rule.slice(at + 1).trim()];
    }),
  );
}
