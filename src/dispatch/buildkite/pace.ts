/**
 * The pace of one kind of call to the Stacks API. Buildkite limits each kind per stack
 * (https://buildkite.com/docs/apis/agent-api/stacks#rate-limiting), and all replicas share a stack.
 * They don't know of each other, so each starts at a third of the limit, learns from the answers,
 * and gives way.
 */
import { setTimeout } from "node:timers/promises";

/** What an answer says about the pace. */
export interface PaceAnswer {
  /** The HTTP status code, or 0 if no answer came. */
  readonly code: number;
  /** `RateLimit-Limit`: calls a second, for all replicas together. */
  readonly limit?: number | undefined;
  /** `RateLimit-Remaining`: how many more calls fit into the current second. */
  readonly remaining?: number | undefined;
  /** How long Buildkite asks to wait. */
  readonly pauseMs?: number | undefined;
}

/** Time and chance, as the pace sees them. */
export interface PaceClock {
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  /** From 0 to 1. */
  readonly random: () => number;
}

const CLOCK: PaceClock = { now: () => performance.now(), sleep: (ms) => setTimeout(ms), random: Math.random };

/** A longer pause must be a mistake, and until it's over nobody would look at what waits. */
export const LONGEST_PAUSE_MS = 60_000;

/** Buildkite's limits are for a sliding window of one second. */
const WINDOW_MS = 1000;
/** A rollout has three replicas. A little less than a third each, because they aren't in step. */
const START = 0.3;
/** The fewer calls fit into a second, the likelier it is that two replicas' calls come together. */
const SMALL_LIMIT = 5;
const SMALL_START = 0.2;
/** Each call that waited for its turn and succeeded makes the pace this much faster. */
const FASTER = 1.03;
/** If hardly any calls are left in the current second, others call as well. */
const SLOWER = 0.9;
const FEW_LEFT = 0.15;
/** As slow as it gets: a call in twenty seconds. */
const SLOWEST_PER_SECOND = 0.05;
/** After so long without a call, what was learned about the other replicas' pace is old. */
const FORGET_MS = 5000;

export class Pace {
  readonly #clock: PaceClock;
  #limit: number;
  /** Calls a second. */
  #rate: number;
  #last: Promise<unknown> = Promise.resolve();
  #lastTurn = 0;
  #halvedAt = -Infinity;
  #next = 0;
  #pausedUntil = 0;
  /** Whether the last call waited for its turn, so that a faster pace would have helped. */
  #waited = false;

  /** @param limit the documented limit, in calls a second. It counts until an answer has one. */
  constructor(limit: number, clock: PaceClock = CLOCK) {
    this.#limit = limit;
    this.#rate = startFor(limit);
    this.#clock = clock;
  }

  /**
   * Waits for this call's turn, and resolves to 0 when it has come. If Buildkite has asked for a
   * pause that's longer than `patienceMs`, it resolves at once to how many milliseconds are left.
   */
  turn(patienceMs: number): Promise<number> {
    const turn = this.#last.then(() => this.#take(patienceMs));
    this.#last = turn;
    return turn;
  }

  /** Learns from the answer to a call. */
  learn({ code, limit, remaining, pauseMs }: PaceAnswer): void {
    if (limit !== undefined && limit > 0 && limit !== this.#limit) {
      this.#rate = Math.min((this.#rate * limit) / this.#limit, startFor(limit));
      this.#limit = limit;
      this.#next = this.#lastTurn + 1000 / this.#rate;
    }
    if (code === 429) this.#halve();
    else if (remaining !== undefined && this.#limit >= SMALL_LIMIT && remaining < this.#limit * FEW_LEFT)
      this.#rate *= SLOWER;
    else if (code >= 200 && code < 300 && this.#waited) this.#rate *= FASTER;
    this.#rate = Math.min(Math.max(this.#rate, this.#limit / 100, SLOWEST_PER_SECOND), this.#limit);
    if (pauseMs === undefined) return;
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.now() + pauseMs);
    // Not in step with the replicas that were asked to wait, too.
    this.#next = Math.max(this.#next, this.#pausedUntil + (this.#clock.random() * 1000) / this.#rate);
  }

  /** Once a second at most: several calls of one burst can be refused together. */
  #halve(): void {
    const now = this.#clock.now();
    if (now - this.#halvedAt < WINDOW_MS) return;
    this.#halvedAt = now;
    this.#rate /= 2;
  }

  async #take(patienceMs: number): Promise<number> {
    const start = this.#clock.now();
    if (start - this.#lastTurn > FORGET_MS) this.#rate = Math.min(this.#rate, startFor(this.#limit));
    this.#waited = this.#next > start;
    for (let now = start; ; now = this.#clock.now()) {
      const pauseMs = this.#pausedUntil - now;
      if (pauseMs > patienceMs) return pauseMs;
      const waitMs = Math.max(pauseMs, this.#next - now);
      if (waitMs <= 0) {
        this.#lastTurn = now;
        // Longer by up to a third, so that replicas don't get in step.
        this.#next = now + (1000 / this.#rate) * (1 + this.#clock.random() / 3);
        return 0;
      }
      // Not the whole wait at once: an answer can change it.
      await this.#clock.sleep(Math.min(waitMs, 250));
    }
  }
}

function startFor(limit: number): number {
  return limit * (limit < SMALL_LIMIT ? SMALL_START : START);
}
