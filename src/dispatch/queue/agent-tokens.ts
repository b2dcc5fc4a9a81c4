/**
 * The tokens of acquire mode's agents. Each lets an agent take one Buildkite job, and is in a
 * Secret that only the agent's container uses. The Secret belongs to its Job: it's created right
 * after it, and the garbage collector removes it with the Job at the latest.
 * docs/decisions/0017-a-secret-for-each-job.md
 */
import { setTimeout } from "node:timers/promises";
import { rejectAfter } from "../../process/deadline.ts";
import { describeError, messageOf, OutsideError } from "../../process/errors.ts";
import { createInTurn } from "../../process/in-turn.ts";
import { Batch } from "../buildkite/batch.ts";
import type { JobStanding } from "../buildkite/job.ts";
import type { AcquisitionToken, StacksApi } from "../buildkite/stacks-api.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import { ATTEMPT_LABEL, JOB_LABEL, QUEUE_LABEL, TOKEN_KEY } from "../jobs/plan-agent-job.ts";
import type { StoredJob } from "../jobs/stored-job.ts";
import type { SecretsApi } from "../jobs/secrets-api.ts";
import { planAgentTokens, type AgentPodView, type PutToken } from "./plan-agent-tokens.ts";
import type { QueueContext } from "./queue-state.ts";

/** A Job whose agent needs a token. */
export interface TokenJob {
  readonly name: string;
  readonly uid: string;
  readonly buildkiteJobId: string;
  /** For its Secret. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Undefined if the Job's Pod isn't known. */
export type PodLookup = (jobName: string) => AgentPodView | undefined;

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;
/** After this time, the next pass tries again. */
const BUDGET_MS = 30_000;
/** After a refusal by RBAC, no Secret is tried for this long. */
const FORBIDDEN_MS = 30_000;
/** How many calls about Secrets there are at once. */
const CONCURRENCY = 32;
/** How long a Job must seem to wait in vain. */
const STRANDED_MS = 60_000;
/** The longest life that Buildkite gives a token. */
const MAX_LIFE_SECONDS = 3600;

export class AgentTokens {
  readonly #context: QueueContext;
  readonly #secrets: Pick<SecretsApi, "put" | "delete">;
  readonly #lifeMs: number;
  readonly #fresh: Batch<AcquisitionToken>;
  readonly #renewed: Batch<AcquisitionToken>;
  /** By the Job's UID. */
  readonly #put = new Map<string, PutToken>();
  /** The UIDs of Jobs that surely have no token. */
  readonly #lacking = new Set<string>();
  /** By the Job's UID, in milliseconds since 1970. */
  readonly #strandedSince = new Map<string, number>();
  /** What's being done, by the Job's UID. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #inTurn = createInTurn(CONCURRENCY);
  /** Ends retries. */
  readonly #abort = new AbortController();
  #closed = false;
  #forbiddenUntil = 0;

  /** @param batchGapMs between two calls to the Stacks API. */
  constructor(
    context: QueueContext,
    stacks: Pick<StacksApi, "reserve" | "issueTokens">,
    secrets: Pick<SecretsApi, "put" | "delete">,
    batchGapMs: number,
  ) {
    const { reservationSeconds } = context.queue;
    const lifeSeconds = Math.min(reservationSeconds, MAX_LIFE_SECONDS);
    this.#context = context;
    this.#secrets = secrets;
    this.#lifeMs = lifeSeconds * 1000;
    const issue = (ids: readonly string[]) => stacks.issueTokens(ids, lifeSeconds);
    this.#fresh = new Batch(batchGapMs, issue);
    // A token lives no longer than the reservation has left.
    this.#renewed = new Batch(batchGapMs, async (ids) => {
      const ours = await stacks.reserve(ids, reservationSeconds);
      return ours.size === 0 ? new Map<string, AcquisitionToken>() : await issue([...ours]);
    });
  }

  /**
   * Gives the agent of a Job that was just created its token, in the background. A Job that's
   * suspended gets it when it's resumed. A pass repairs what fails.
   */
  created({ metadata: { name, uid, labels = {} }, spec }: StoredJob, buildkiteJobId: string): void {
    if (spec?.suspend === true) this.#lacking.add(uid);
    else void this.#provide({ name, uid, buildkiteJobId, labels: ownLabels(labels) }, this.#fresh);
  }

  /** Call this when a Job that was suspended is resumed: its Pod is about to start. */
  resumed(view: JobView): void {
    void this.#provide(toTokenJob(view), this.#renewed);
  }

  /**
   * Renews, in the background, the tokens of the Jobs whose agents haven't started, and deletes
   * Secrets that nobody needs any more. Returns Jobs that wait for a token they'll never get.
   * @param pods `current`: whether what's known of Pods isn't old.
   */
  keep(
    views: readonly JobView[],
    standings: ReadonlyMap<string, JobStanding>,
    pods: { readonly of: PodLookup; readonly current: boolean },
  ): readonly JobView[] {
    this.#forget(new Set(views.map(({ uid }) => uid)));
    for (const { uid, suspended } of views) if (suspended) this.#lacking.add(uid);
    const { provide, drop, stranded } = planAgentTokens({
      views,
      podOf: pods.of,
      standings,
      put: this.#put,
      lacking: this.#lacking,
      now: this.#context.now(),
      lifeMs: this.#lifeMs,
    });
    for (const view of provide) void this.#provide(toTokenJob(view), this.#renewed);
    for (const token of drop) void this.#drop(token);
    return this.#strandedForLong(pods.current ? stranded : []);
  }

  /** Ends all retries, and waits for what's being done, for `timeoutMs` at most. Never rejects. */
  async settle(timeoutMs: number): Promise<void> {
    this.#abort.abort();
    await rejectAfter(timeoutMs, Promise.all(this.#busy.values())).catch(() => undefined);
  }

  /** Ends at once, as a crash would. */
  close(): void {
    this.#closed = true;
    this.#abort.abort();
  }

  /** What's known of a Pod can be older than where its job stands: the agent may have run since. */
  #strandedForLong(stranded: readonly JobView[]): readonly JobView[] {
    const now = this.#context.now();
    const before = new Map(this.#strandedSince);
    this.#strandedSince.clear();
    for (const { uid } of stranded) this.#strandedSince.set(uid, before.get(uid) ?? now);
    return stranded.filter(({ uid }) => now - (before.get(uid) ?? now) >= STRANDED_MS);
  }

  /** Forgets Jobs that are gone. One that was just created may not be known yet. */
  #forget(known: ReadonlySet<string>): void {
    const now = this.#context.now();
    for (const uid of this.#lacking) if (!known.has(uid) && !this.#busy.has(uid)) this.#lacking.delete(uid);
    for (const [uid, { putAt, lifeMs }] of this.#put)
      if (!known.has(uid) && putAt + lifeMs < now) this.#put.delete(uid);
  }

  async #provide(job: TokenJob, tokens: Batch<AcquisitionToken>): Promise<void> {
    if (this.#busy.has(job.uid)) return;
    if (!this.#put.has(job.uid)) this.#lacking.add(job.uid);
    const done = this.#retrying(job, tokens).finally(() => this.#busy.delete(job.uid));
    this.#busy.set(job.uid, done);
    await done;
  }

  async #retrying(job: TokenJob, tokens: Batch<AcquisitionToken>): Promise<void> {
    const { signal } = this.#abort;
    const deadline = performance.now() + BUDGET_MS;
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS)) {
      const outcome = await this.#try(job, tokens);
      if (outcome !== "failed" || performance.now() + pauseMs > deadline) return;
      await setTimeout(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  async #try(job: TokenJob, tokens: Batch<AcquisitionToken>): Promise<"done" | "failed"> {
    const { metrics, limited, log, now } = this.#context;
    const about = { buildkiteJob: job.buildkiteJobId, job: job.name };
    if (now() < this.#forbiddenUntil) return "done";
    const askedAt = now();
    try {
      const issued = await tokens.ask(job.buildkiteJobId);
      if (issued === undefined) {
        log.debug(about, "Buildkite issues no token for this job, as it isn't reserved for us");
        return "done";
      }
      return await this.#inTurn(() => this.#store(job, issued, askedAt));
    } catch (error) {
      metrics.token("failed");
      if (!(error instanceof OutsideError))
        limited.error(`bug:${messageOf(error)}`, { ...about, err: error }, "bug: please report this error");
      else
        limited.warn(
          `token:${error.message}`,
          { ...about, ...describeError(error) },
          "cannot get a token for the agent",
        );
      return error instanceof OutsideError ? "failed" : "done";
    }
  }

  async #store(job: TokenJob, { token, expiresAt }: AcquisitionToken, askedAt: number): Promise<"done" | "failed"> {
    const { queue, metrics, limited, now } = this.#context;
    // Its turn came too late.
    if (now() < this.#forbiddenUntil || this.#closed) return "done";
    const owner = { namespace: queue.namespace, name: job.name, uid: job.uid };
    const secret = { owner, labels: job.labels, key: TOKEN_KEY, value: token };
    const outcome = await this.#secrets.put(secret, this.#put.has(job.uid) ? "replace" : "create");
    const about = { buildkiteJob: job.buildkiteJobId, job: job.name };
    switch (outcome.kind) {
      case "created":
      case "replaced":
        metrics.token(outcome.kind === "created" ? "created" : "renewed");
        this.#lacking.delete(job.uid);
        this.#put.set(job.uid, {
          job,
          secretUid: outcome.uid,
          putAt: askedAt,
          lifeMs: trustedLifeMs(this.#lifeMs, expiresAt === undefined ? undefined : expiresAt - askedAt),
        });
        return "done";
      case "forbidden":
        metrics.token("forbidden");
        this.#forbiddenUntil = now() + FORBIDDEN_MS;
        limited.error(
          "secret-forbidden",
          { ...about, reason: outcome.message },
          "not allowed to create Secrets, so agents get no tokens: apply the dispatcher's Role again",
        );
        return "done";
      case "failed":
        metrics.token("failed");
        limited.warn(
          `secret:${outcome.message}`,
          { ...about, reason: outcome.message },
          "cannot put the agent's token into its Secret",
        );
        return "failed";
    }
  }

  async #drop(token: PutToken): Promise<void> {
    const { queue, limited } = this.#context;
    const { name, uid } = token.job;
    // Only once: if it fails, the Secret goes with its Job.
    this.#put.delete(uid);
    await this.#busy.get(uid);
    const reason = await this.#inTurn(() => this.#secrets.delete(queue.namespace, name, token.secretUid));
    if (reason !== undefined)
      limited.warn(`secret-deletion:${reason}`, { job: name, reason }, "cannot delete the Secret of an agent's token");
  }
}

/** By Buildkite's clock and ours, which may differ. */
function trustedLifeMs(askedMs: number, saidMs = askedMs): number {
  return Math.min(Math.max(saidMs, askedMs / 4), askedMs);
}

function ownLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const own = [JOB_LABEL, QUEUE_LABEL, ATTEMPT_LABEL];
  return Object.fromEntries(Object.entries(labels).filter(([key]) => own.includes(key)));
}

function toTokenJob({ name, uid, buildkiteJobId, queue, attempt }: JobView): TokenJob {
  return {
    name,
    uid,
    buildkiteJobId,
    labels: { [JOB_LABEL]: buildkiteJobId, [QUEUE_LABEL]: queue, [ATTEMPT_LABEL]: String(attempt) },
  };
}
