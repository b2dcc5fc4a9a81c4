/**
 * The places of a queue with `maxInFlight`. A place is taken in one synchronous step, before
 * anything is awaited, so one replica never exceeds the limit.
 *
 * Replicas don't know of each other's creations until their watches report them. So each one
 * creates one Job at a time, and waits after each until its own watch has reported it: by then, it
 * has seen everything that the others created before. With `n` replicas, there are at most `n - 1`
 * Jobs more than the limit.
 */
import type { JobView } from "../jobs/job-mirror.ts";

/** What's known about the queue's Jobs. */
export interface KnownJobs {
  /** Whether they're known at all. */
  readonly synced: boolean;
  /** Whether what's known is up to date, as far as that can be said. */
  readonly current: boolean;
  /** How many of them haven't finished. */
  readonly unfinished: () => number;
  readonly view: (name: string) => JobView | undefined;
  /** Resolves to true once a list or a watch has reported the Job, or to false after `timeoutMs`. */
  readonly untilReported: (name: string, timeoutMs: number) => Promise<boolean>;
}

/** How an attempt to create a Job ended. `mayExist`: nobody knows, as an answer was lost. */
export interface Creation {
  readonly kind: string;
  readonly mayExist?: boolean;
}

/** A place for one Job. */
export interface Place {
  /**
   * Creates the Job when its turn comes, and releases the place. Resolves to `at-capacity` without
   * a creation if its turn doesn't come before `deadline`, or if others have filled the queue.
   * @param deadline as `performance.now()` counts.
   */
  readonly fill: <T extends Creation>(deadline: number, create: () => Promise<T>) => Promise<T | "at-capacity">;
  /** Does nothing if it's released already. */
  readonly release: () => void;
}

/** How long to wait for the watch after a creation. If it takes longer, the watch is broken. */
const REPORT_MS = 5000;
/**
 * How long a request can still be carried out after its answer was lost: a minute, the API server's
 * own limit (--request-timeout), and some seconds for the watch.
 */
const SETTLE_MS = 65_000;

const UNLIMITED: Place = { fill: (_deadline, create) => create(), release: () => undefined };

export class Places {
  readonly #limit: number | undefined;
  readonly #jobs: KnownJobs;
  readonly #turns = new Turns();
  /** How many hold a place for a Job, by its name. Two deliveries of one job share it. */
  readonly #claims = new Map<string, number>();
  /** Jobs that may exist, though no answer said so. */
  readonly #uncertain = new Map<string, symbol>();

  /** @param limit undefined: there's always room. */
  constructor(limit: number | undefined, jobs: KnownJobs) {
    this.#limit = limit;
    this.#jobs = jobs;
  }

  /** How many more Jobs there's room for. 0 as long as the Jobs aren't known. */
  room(): number {
    if (this.#limit === undefined) return Infinity;
    if (!this.#jobs.synced) return 0;
    const names = new Set([...this.#claims.keys(), ...this.#uncertain.keys()]);
    return this.#limit - this.#jobs.unfinished() - this.#notListed(names);
  }

  /** Takes a place for this Job. Undefined if there's no room. */
  claim(name: string): Place | undefined {
    if (this.#limit === undefined) return UNLIMITED;
    const isCounted = this.#claims.has(name) || this.#uncertain.has(name) || this.#isListed(name);
    if (this.room() <= 0 && !(this.#jobs.synced && isCounted)) return undefined;
    this.#claims.set(name, (this.#claims.get(name) ?? 0) + 1);
    let isReleased = false;
    const release = (): void => {
      if (!isReleased) this.#release(name);
      isReleased = true;
    };
    const fill = async <T extends Creation>(deadline: number, create: () => Promise<T>): Promise<T | "at-capacity"> => {
      try {
        return await this.#fill(name, deadline, create);
      } finally {
        release();
      }
    };
    return { fill, release };
  }

  async #fill<T extends Creation>(
    name: string,
    deadline: number,
    create: () => Promise<T>,
  ): Promise<T | "at-capacity"> {
    if (!(await this.#turns.take(deadline))) return "at-capacity";
    let isToBeReported = false;
    try {
      // Other replicas may have filled the queue since the place was taken.
      if (!this.#isListed(name) && !this.#uncertain.has(name) && this.#isFull()) return "at-capacity";
      const creation = await create();
      if (creation.mayExist === true) this.#keep(name);
      else this.#uncertain.delete(name);
      isToBeReported = creation.mayExist === true || creation.kind === "created" || creation.kind === "exists";
      return creation;
    } finally {
      if (isToBeReported)
        void this.#jobs.untilReported(name, REPORT_MS).then(() => {
          this.#turns.pass();
        });
      else this.#turns.pass();
    }
  }

  /** Without the places that are only claimed. */
  #isFull(): boolean {
    return this.#jobs.unfinished() + this.#notListed(this.#uncertain.keys()) >= (this.#limit ?? Infinity);
  }

  /** Whether `unfinished` counts this Job. */
  #isListed(name: string): boolean {
    const view = this.#jobs.view(name);
    return view !== undefined && view.phase !== "finished";
  }

  #notListed(names: Iterable<string>): number {
    let count = 0;
    for (const name of names) if (!this.#isListed(name)) count++;
    return count;
  }

  #release(name: string): void {
    const left = (this.#claims.get(name) ?? 0) - 1;
    if (left > 0) this.#claims.set(name, left);
    else this.#claims.delete(name);
  }

  /** Keeps the place of a Job that may exist, until the watch or a list has shown whether it does. */
  #keep(name: string): void {
    const attempt = Symbol(name);
    this.#uncertain.set(name, attempt);
    const settle = async (): Promise<void> => {
      while (this.#uncertain.get(name) === attempt)
        if ((await this.#jobs.untilReported(name, SETTLE_MS)) || this.#jobs.current) break;
      if (this.#uncertain.get(name) === attempt) this.#uncertain.delete(name);
    };
    void settle();
  }
}

/** One at a time, in the order in which they came. */
class Turns {
  #isTaken = false;
  readonly #waiting = new Set<() => void>();

  /** Resolves to true when it's the caller's turn, or to false at the deadline. */
  take(deadline: number): Promise<boolean> {
    if (!this.#isTaken) {
      this.#isTaken = true;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.#waiting.delete(begin);
          resolve(false);
        },
        Math.max(0, deadline - performance.now()),
      );
      const begin = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#waiting.add(begin);
    });
  }

  /** Lets the next one have its turn. */
  pass(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#isTaken = false;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
