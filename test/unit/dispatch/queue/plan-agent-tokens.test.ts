import { expect, test } from "vitest";
import type { JobStanding } from "../../../../src/dispatch/buildkite/job.ts";
import type { JobView } from "../../../../src/dispatch/jobs/job-mirror.ts";
import { planAgentTokens, type AgentPodView, type PutToken } from "../../../../src/dispatch/queue/plan-agent-tokens.ts";

const NOW = 10_000_000;
const LIFE = 300_000;
const WAITS: AgentPodView = { agentStarted: false, agentEnded: false, lacksSecret: false };
const LACKS: AgentPodView = { agentStarted: false, agentEnded: false, lacksSecret: true };
const RUNS: AgentPodView = { agentStarted: true, agentEnded: false, lacksSecret: false };

interface Case {
  readonly job?: Partial<JobView>;
  readonly pod?: AgentPodView;
  readonly standing?: JobStanding;
  /** How long ago this process put a token that's valid for `LIFE`. */
  readonly putAgo?: number;
  readonly lacking?: boolean;
}

/** What's planned for one Job. */
function plan({ job, pod, standing = "reserved", putAgo, lacking = false }: Case): string {
  const view: JobView = {
    name: "job",
    uid: "uid",
    buildkiteJobId: "id",
    queue: "q",
    attempt: 1,
    createdAt: NOW - 1000,
    startedAt: job?.createdAt ?? NOW - 1000,
    phase: "pending",
    failed: false,
    suspended: false,
    isOurs: true,
    ...job,
  };
  const token: PutToken = { job: view, secretUid: "secret", putAt: NOW - (putAgo ?? 0), lifeMs: LIFE };
  const planned = planAgentTokens({
    views: [view],
    podOf: () => pod,
    standings: new Map([["id", standing]]),
    put: new Map(putAgo === undefined ? [] : [["uid", token]]),
    lacking: new Set(lacking ? ["uid"] : []),
    now: NOW,
    lifeMs: LIFE,
  });
  const words = [
    ...planned.provide.map(() => "provide"),
    ...planned.drop.map(({ secretUid }) => `drop ${secretUid}`),
    ...planned.stranded.map(() => "stranded"),
  ];
  return words.join(", ") || "nothing";
}

test.each<[string, Case, string]>([
  ["renews a token at half of its life", { putAgo: LIFE / 2, pod: WAITS }, "provide"],
  ["keeps a token that's younger", { putAgo: LIFE / 2 - 1, pod: WAITS }, "nothing"],
  ["renews nothing for a job that an agent has", { putAgo: LIFE, pod: WAITS, standing: "held" }, "nothing"],
  ["renews nothing if Buildkite doesn't know the job", { putAgo: LIFE, pod: WAITS, standing: "unknown" }, "nothing"],
  ["deletes the Secret once the agent has started", { putAgo: 1, pod: RUNS }, "drop secret"],
  ["takes a ready Pod for a started agent if its Pod isn't known", { putAgo: 1, job: { readyAt: NOW } }, "drop secret"],
  ["deletes the Secret of a Job that has finished", { putAgo: 1, job: { phase: "finished" } }, "drop secret"],
  ["deletes the Secret of a Job that is suspended again", { putAgo: 1, job: { suspended: true } }, "drop secret"],
  ["gives a suspended Job no token", { lacking: true, job: { suspended: true } }, "nothing"],
  ["gives a Job that was suspended its token at once", { lacking: true }, "provide"],
  [
    "gives a Job its token at once if it was resumed before this process started",
    { job: { createdAt: NOW - 60_000, startedAt: NOW } },
    "provide",
  ],
  ["leaves a new Job to the replica that created it", { pod: WAITS }, "nothing"],
  ["leaves it no more than ten seconds if there's no Pod", { job: { createdAt: NOW - 10_000 } }, "provide"],
  ["renews another replica's token at half of its life", { pod: WAITS, job: { createdAt: NOW - LIFE / 2 } }, "provide"],
  ["provides a token at once if kubelet misses the Secret", { pod: LACKS }, "provide"],
  ["gives kubelet the time to look again", { pod: LACKS, putAgo: 15_000 }, "nothing"],
  ["provides another if kubelet still misses it", { pod: LACKS, putAgo: 30_000 }, "provide"],
  ["tells of a Pod that waits for a token though its job is over", { pod: LACKS, standing: "over" }, "stranded"],
  [
    "tells of it, too, if the agent had started before",
    { pod: { ...LACKS, agentStarted: true }, standing: "over" },
    "stranded",
  ],
  ["has nothing to do for a Job whose agent runs", { pod: RUNS, standing: "held" }, "nothing"],
])("%s", (_what, given, expected) => {
  expect(plan(given)).toBe(expected);
});
