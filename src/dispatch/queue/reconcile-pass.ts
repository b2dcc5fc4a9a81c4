/**
 * One reconcile pass: it compares the jobs that wait at Buildkite with the Jobs that exist, and
 * creates what's missing.
 */
import { describeError, messageOf, OutsideError } from "../../process/errors.ts";
import { isTaken, type BuildkiteJob, type JobStanding } from "../buildkite/job.ts";
import type { StacksApi } from "../buildkite/stacks-api.ts";
import { StacksError } from "../buildkite/stacks-error.ts";
import type { TaggedTemplate } from "../config/dispatch-config.ts";
import type { JobView } from "../jobs/job-mirror.ts";
import type { AgentTokens } from "./agent-tokens.ts";
import type { JobEnder } from "./end-jobs.ts";
import type { EnsureResult, JobEnsurer, WantedJob } from "./ensure-job.ts";
import { planAcquireMode } from "./plan-acquire-mode.ts";
import { planQueueMode } from "./plan-queue-mode.ts";
import { inOrder, type PlannedJob, type RoutedJob, type StuckJob } from "./plan-reconcile.ts";
import type { QueueContext, QueueState } from "./queue-state.ts";
import type { Reservations } from "./reservations.ts";
import { agentCanTake, routeInQueue } from "./route.ts";
import type { Standings } from "./standings.ts";
import type { BuildNote, StuckJobs } from "./stuck-jobs.ts";
import { logUnservedTags } from "./unserved-tags.ts";
import type { WaitingJobs } from "./waiting-jobs.ts";

/** What a pass works with. */
export interface PassParts {
  readonly state: QueueState;
  readonly standings: Standings;
  readonly reservations: Reservations;
  readonly ensurer: JobEnsurer;
  readonly stacks: StacksApi;
  readonly waitingJobs: WaitingJobs;
  readonly ender: JobEnder;
  /** Undefined in queue mode. */
  readonly tokens: AgentTokens | undefined;
  readonly stuckJobs: StuckJobs;
}

/** What a pass has seen, and plans with. */
interface Seen {
  readonly views: readonly JobView[];
  /** The UIDs of Jobs whose agent has ended, even if something else in its Pod still runs. */
  readonly withoutAgent: ReadonlySet<string>;
  /** The jobs that wait and have a template, in the order in which to serve them. */
  readonly waiting: readonly RoutedJob[];
  /** How many wait that no template serves. */
  readonly unserved: number;
  readonly standings: ReadonlyMap<string, JobStanding>;
  readonly stuck: ReadonlyMap<string, StuckJob>;
}

/**
 * `left-over`: jobs wait that the next pass may have room or time for; `more`: jobs wait that the
 * next pass surely has room for.
 */
export type PassOutcome = "done" | "left-over" | "more";

/**
 * How long a creation can take in a pass. What doesn't succeed in that time is left to the next
 * pass.
 */
const BUDGET_MS = 5000;
/**
 * How many Jobs a pass creates at most. The rest waits for the next listing, which may have changed
 * a lot by then.
 */
const AT_ONCE = 1000;
/** How long a pass reads what waits, if it can't read all of it at once. */
const READ_BUDGET_MS = 2000;
/** How long a pass waits for the first list of the Jobs, which is on its way when a process starts. */
const VIEW_BUDGET_MS = 2000;
/** Added to the idle timeout. An agent that's still there after that must have work. */
const IDLE_SLACK_MS = 10_000;

export class ReconcilePass {
  readonly #context: QueueContext;
  readonly #parts: PassParts;
  #registered = false;
  #lastOutcome: PassOutcome = "done";

  constructor(context: QueueContext, parts: PassParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Runs a pass. If `signal` aborts it before anything is planned, it leaves all to others.
   * @throws OutsideError if Buildkite or the API server doesn't answer, or some Jobs can't be
   * created now.
   */
  async run(signal: AbortSignal): Promise<PassOutcome> {
    try {
      this.#lastOutcome = await this.#run(signal);
      return this.#lastOutcome;
    } catch (error) {
      // Buildkite forgets deregistered stacks, and registering one again is harmless.
      if (error instanceof StacksError && error.code === 404) this.#registered = false;
      throw error;
    }
  }

  async #run(signal: AbortSignal): Promise<PassOutcome> {
    const { state, stacks, waitingJobs, stuckJobs } = this.#parts;
    if (!this.#registered) {
      await stacks.register();
      this.#registered = true;
    }
    // What was left to this pass is known already.
    await waitingJobs.read(this.#lastOutcome === "more" ? 0 : READ_BUDGET_MS, signal);
    if (signal.aborted) return "left-over";
    state.setPaused(waitingJobs.paused);
    // The listing alone shows Buildkite that the queue is served. As long as the Jobs aren't known,
    // nothing can be planned.
    await state.untilKnown(VIEW_BUDGET_MS);
    // The order matters: if a job had no Job, or a finished one, before Buildkite was asked, and
    // still waits afterwards, it needs one.
    const views = state.views();
    const withoutAgent = new Set(views.filter(({ name }) => stuckJobs.agentOf(name)?.agentEnded).map(({ uid }) => uid));
    const listed = inOrder(waitingJobs.jobs());
    const standings = await this.#standingsOf(views, listed);
    const waiting = listed.filter(({ id }) => !isTaken(standings.get(id)));
    const stuck = stuckJobs.look(views);
    const seen = { views, withoutAgent, standings, stuck, ...this.#route(waiting) };
    const isQueueMode = this.#context.queue.mode === "queue";
    // Builds are told meanwhile: if Buildkite takes no notes, no job has to wait for that.
    const [outcome] = await Promise.all([
      isQueueMode ? this.#runQueueMode(seen) : this.#runAcquireMode(seen),
      this.#tell(stuckJobs.toTell(stuck, standings)),
    ]);
    return outcome;
  }

  async #runQueueMode({ unserved, ...seen }: Seen): Promise<PassOutcome> {
    const { queue, now } = this.#context;
    const plan = planQueueMode({
      ...seen,
      templateOf: ({ buildkiteJob }) => buildkiteJob && this.#templateOf(buildkiteJob),
      serves: (template, { buildkiteJob }) => agentCanTake(template, buildkiteJob),
      now: now(),
      retryMs: queue.retrySeconds * 1000,
      idleTimeoutMs: queue.idleTimeoutSeconds * 1000 + IDLE_SLACK_MS,
    });
    await this.#parts.ender.remove(plan.remove);
    await this.#parts.ender.giveUp(plan.giveUp);
    return this.#ensureAll(plan, unserved);
  }

  async #runAcquireMode({ views, withoutAgent, waiting, standings, stuck, unserved }: Seen): Promise<PassOutcome> {
    const { queue, now } = this.#context;
    const { reservations, stuckJobs, ender } = this.#parts;
    const listed = waiting.map(({ buildkiteJob }) => buildkiteJob);
    const plan = planAcquireMode({
      views,
      withoutAgent,
      wanted: [...listed, ...this.#notListed(listed, views, withoutAgent).filter(({ id }) => standings.has(id))],
      standings,
      stuck,
      whyEnded: (view) => stuckJobs.whyEnded(view),
      now: now(),
      retryMs: queue.retrySeconds * 1000,
      maxAttempts: queue.maxAttempts,
    });
    await reservations.extend(plan.extend);
    const pods = { of: (jobName: string) => stuckJobs.agentOf(jobName), current: stuckJobs.current };
    const stranded = this.#parts.tokens?.keep(views, standings, pods) ?? [];
    await ender.remove(new Set([...plan.remove, ...stranded]));
    await ender.giveUp(plan.giveUp);
    return this.#ensureAll(plan, unserved);
  }

  #templateOf(buildkiteJob: BuildkiteJob): TaggedTemplate | undefined {
    const route = routeInQueue(this.#context.queue, buildkiteJob);
    return route.kind === "queue" ? route.template : undefined;
  }

  /** The jobs that a template serves, and how many none does. */
  #route(buildkiteJobs: readonly BuildkiteJob[]): Pick<Seen, "waiting" | "unserved"> {
    const { queue, limited } = this.#context;
    const waiting: RoutedJob[] = [];
    for (const buildkiteJob of buildkiteJobs) {
      const route = routeInQueue(queue, buildkiteJob);
      if (route.kind === "queue") waiting.push({ buildkiteJob, template: route.template });
      else if (route.reason === "unserved-tags") logUnservedTags(limited, route);
    }
    return { waiting, unserved: buildkiteJobs.length - waiting.length };
  }

  /** Tells builds why their agents don't start. If that fails, the next pass tries again. */
  async #tell(notes: readonly BuildNote[]): Promise<void> {
    if (notes.length === 0) return;
    const { limited } = this.#context;
    try {
      await this.#parts.stacks.notify(notes);
    } catch (error) {
      this.#parts.stuckJobs.notTold(notes);
      limited.warn(
        `notify:${messageOf(error)}`,
        describeError(error),
        "cannot tell builds why their agents don't start",
      );
    }
  }

  /**
   * Buildkite jobs that may still be reserved for us, and so aren't listed. This process has
   * reserved them, or a Job's annotation names them.
   */
  #notListed(
    waiting: readonly BuildkiteJob[],
    views: readonly JobView[],
    withoutAgent: ReadonlySet<string>,
  ): BuildkiteJob[] {
    const hasEnded = ({ phase, uid }: JobView): boolean => phase === "finished" || withoutAgent.has(uid);
    const ended = views.flatMap((view) => (hasEnded(view) && view.buildkiteJob) || []);
    const known = new Map([...ended, ...this.#parts.reservations.jobs()].map((one) => [one.id, one]));
    for (const { id } of waiting) known.delete(id);
    return [...known.values()];
  }

  async #standingsOf(
    views: readonly JobView[],
    waiting: readonly BuildkiteJob[],
  ): Promise<ReadonlyMap<string, JobStanding>> {
    const { standings, reservations, waitingJobs } = this.#parts;
    const named = new Set(views.map((view) => view.buildkiteJobId));
    const reserved = [...reservations.jobs()].map(({ id }) => id);
    const found = await standings.of(
      named,
      reserved,
      waiting.map(({ id }) => id),
    );
    for (const [id, standing] of found) {
      if (!isTaken(standing)) continue;
      reservations.forget(id);
      waitingJobs.forget(id);
    }
    return found;
  }

  /** Ensures what's planned, in this order, as far as there's room and the queue isn't paused. */
  async #ensureAll(
    { create, postponed }: { readonly create: readonly PlannedJob[]; readonly postponed: number },
    unserved: number,
  ): Promise<PassOutcome> {
    const { state } = this.#parts;
    const { metrics } = this.#context;
    const wanted = create.flatMap(({ buildkiteJob, attempt }) => {
      const template = this.#templateOf(buildkiteJob);
      return template ? [{ buildkiteJob, attempt, template }] : [];
    });
    const now = state.paused ? [] : wanted.slice(0, AT_ONCE);
    const outcomes = await Promise.all(now.map((one) => this.#ensure(one)));
    const count = (outcome: EnsureResult): number => outcomes.filter((one) => one === outcome).length;
    const [unavailable, full, forbidden] = [count("unavailable"), count("at-capacity"), count("forbidden")];
    const left = wanted.length - now.length;
    metrics.waiting({
      paused: state.paused ? left : 0,
      // With a limit, the jobs that weren't tried are behind those that found no room.
      "at-capacity": full + (!state.paused && full > 0 ? left : 0),
      "next-pass": unavailable + forbidden + (!state.paused && full === 0 ? left : 0),
      retry: postponed,
      "unserved-tags": unserved,
    });
    if (unavailable > 0) {
      const message = `${unavailable} of ${now.length} Jobs could not be created`;
      // If others were created, there was only no time for these.
      if (count("created") === 0) throw new OutsideError(message);
      return "more";
    }
    if (left > 0 && full === 0 && !state.paused) return "more";
    // With a limit, Jobs are created one after the other. Not all had their turn.
    if (full > 0 && state.room() > 0) return "more";
    return postponed > 0 || full > 0 || forbidden > 0 || left > 0 ? "left-over" : "done";
  }

  /** A bug with one job doesn't keep the others from getting their Jobs. */
  async #ensure(wanted: WantedJob): Promise<EnsureResult> {
    try {
      const outcome = await this.#parts.ensurer.ensure(wanted, "reconcile", BUDGET_MS);
      if (!waitsAfter(outcome, this.#context.queue.mode)) this.#parts.waitingJobs.forget(wanted.buildkiteJob.id);
      return outcome;
    } catch (error) {
      const about = { buildkiteJob: wanted.buildkiteJob.id, err: error };
      this.#context.limited.error(`bug:${messageOf(error)}`, about, "bug: please report this error");
      return "unavailable";
    }
  }
}

/** Whether a job is still listed after this. In acquire mode, it's reserved if it has a Job. */
function waitsAfter(outcome: EnsureResult, mode: "queue" | "acquire"): boolean {
  if (outcome === "refused" || outcome === "name-taken" || outcome === "not-reserved") return false;
  return mode === "queue" || (outcome !== "created" && outcome !== "exists");
}
