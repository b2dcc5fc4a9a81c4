/**
 * The fake's stack notifications:
 * https://buildkite.com/docs/apis/agent-api/stacks#create-stack-notifications. The constraints and
 * the texts of two errors are documented; those of the other errors are inferred.
 */
import type { BuildkiteJobs } from "./jobs.ts";

const MOST_AT_ONCE = 1000;
const MOST_PER_JOB = 100;
const LONGEST_DETAIL = 256;
/** How long after its end a job still takes notifications. */
const AFTER_END_MS = 300_000;

interface Notification {
  readonly job_uuid: string;
  readonly detail?: string;
  readonly timestamp?: string;
}

/** Creates those that are valid. The answer says what's wrong with the others. */
export function createNotifications(fake: BuildkiteJobs, list: unknown): readonly [status: number, body: object] {
  if (!Array.isArray(list)) return [400, { message: "notifications is not an array" }];
  if (list.length > MOST_AT_ONCE) return [422, { message: `at most ${MOST_AT_ONCE} notifications` }];
  const errors = new Map<string, number[]>();
  for (const [index, one] of (list as readonly Notification[]).entries()) {
    const error = create(fake, one);
    if (error !== undefined) errors.set(error, [...(errors.get(error) ?? []), index]);
  }
  return [200, { errors: [...errors].map(([error, indexes]) => ({ error, indexes })) }];
}

function create(fake: BuildkiteJobs, { job_uuid: id, detail, timestamp }: Notification): string | undefined {
  const job = fake.jobs.get(id);
  const now = fake.now();
  if (!job) return "job not found";
  if (detail === undefined || detail === "") return "detail is required"; // documented
  if (detail.length > LONGEST_DETAIL) return `detail is too long (maximum is ${LONGEST_DETAIL} characters)`;
  const at = timestamp === undefined ? now : Date.parse(timestamp);
  if (Number.isNaN(at) || at > now) return "timestamp cannot be in the future";
  if (at < job.scheduledAt) return "timestamp cannot be before the job was created";
  if (now - (job.finishedAt ?? now) > AFTER_END_MS) return "job finished too long ago";
  if (job.notifications.length >= MOST_PER_JOB) return "job stack notification count exceeded"; // documented
  job.notifications.push({ detail, timestamp: at });
  return undefined;
}
