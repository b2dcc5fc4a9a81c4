/**
 * Follows the objects of one collection: it lists them, then watches, and does both again when the
 * watch ends, until it's stopped.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { setTimeout } from "node:timers/promises";
import { isWithin } from "../process/deadline.ts";
import { OutsideError } from "../process/errors.ts";
import { KubeUnreachableError, type KubeClient } from "./client.ts";
import { isKubeObject, isRecord, parseAnswer, type KubeObject } from "./kube-object.ts";
import { statusMessage } from "./status-message.ts";

export type { KubeObject } from "./kube-object.ts";

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "ERROR"; readonly object: { readonly code?: number; readonly message?: string } };

/** The API server answered, but doesn't let us: a Role is missing, or the namespace is. */
export class KubeRefusedError extends OutsideError {
  readonly code: number;

  constructor(what: string, code: number, reason: string) {
    super(`${what}: ${code} ${reason}`);
    this.code = code;
  }
}

/** How to list and watch one collection. */
export interface ListWatch<T> {
  /**
   * Lists everything, a page at a time. Resolves to the resource version to watch from.
   * @throws OutsideError if the API server doesn't answer, or refuses.
   */
  readonly list: (onPage: (objects: readonly T[]) => void, signal: AbortSignal) => Promise<string>;
  /**
   * Resolves once the API server has accepted the watch, to its events, which end when the API
   * server or `signal` ends them.
   * @throws as `list` does.
   */
  readonly watch: (resourceVersion: string, signal: AbortSignal) => Promise<AsyncIterable<WatchEvent<T>>>;
}

export interface CollectionOptions {
  /** Such as `/api/v1/namespaces/builds/pods`. */
  readonly path: string;
  /** For error messages, such as "Pods in builds". */
  readonly what: string;
  /** `labelSelector` or `fieldSelector`. */
  readonly query: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** After this time, the API server ends a watch. */
  readonly watchSeconds?: number;
}

interface ListOf<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

const PAGE = 500;
/** A list's token or a resource version is too old. The next list has a new one. */
const GONE = 410;

/** The calls for one collection of the API server. */
export function listWatchOf<T extends KubeObject>(
  client: Pick<KubeClient, "request">,
  { path, what, query, timeoutMs = 10_000, watchSeconds = 300 }: CollectionOptions,
): ListWatch<T> {
  const pathWith = (more: Readonly<Record<string, string>>): string =>
    `${path}?${new URLSearchParams({ ...query, ...more }).toString()}`;

  return {
    async list(onPage, signal) {
      let token = "";
      for (;;) {
        const response = await client.request({
          method: "GET",
          path: pathWith({ limit: String(PAGE), ...(token && { continue: token }) }),
          timeoutMs: 3 * timeoutMs,
          signal,
        });
        const text = await response.text();
        if (response.code !== 200) throw refusal(`cannot list ${what}`, response.code, text);
        const list = parseList<T>(text, what);
        onPage(list.items);
        if (!list.metadata.continue) return list.metadata.resourceVersion;
        token = list.metadata.continue;
      }
    },
    async watch(resourceVersion, signal) {
      const response = await client.request({
        method: "GET",
        path: pathWith({ resourceVersion, watch: "true", timeoutSeconds: String(watchSeconds) }),
        // A connection can be lost silently. A watch that hears nothing any more mustn't be trusted
        // forever.
        timeoutMs: watchSeconds * 1000 + timeoutMs,
        signal,
      });
      if (response.code !== 200) throw refusal(`cannot watch ${what}`, response.code, await response.text());
      return eventsOf<T>(response.stream(), what);
    },
  };
}

async function* eventsOf<T>(stream: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<WatchEvent<T>> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "") continue;
        const event = parseEvent<T>(line, what);
        if (event.type === "ERROR" && event.object.code !== GONE)
          throw refusal(`cannot watch ${what}`, event.object.code ?? 500, JSON.stringify(event.object));
        yield event;
      }
    }
  } catch (cause) {
    throw cause instanceof OutsideError ? cause : new KubeUnreachableError(cause);
  }
}

function parseList<T>(text: string, what: string): ListOf<T> {
  const list = parseAnswer(text, what);
  const { metadata, items } = isRecord(list) ? list : {};
  const isList = isRecord(metadata) && typeof metadata["resourceVersion"] === "string";
  if (isList && Array.isArray(items) && items.every(isKubeObject)) return list as ListOf<T>;
  throw new OutsideError(`the Kubernetes API server's answer about ${what} isn't a list: is there a proxy in between?`);
}

function parseEvent<T>(line: string, what: string): WatchEvent<T> {
  const event = parseAnswer(line, what);
  const { type, object } = isRecord(event) ? event : {};
  if (type === "ERROR" ? isRecord(object) : isKubeObject(object)) return event as WatchEvent<T>;
  throw new OutsideError(`the Kubernetes API server's watch of ${what} sent something that isn't an event`);
}

function refusal(what: string, code: number, text: string): OutsideError {
  const reason = statusMessage(text) ?? text.slice(0, 200);
  return code >= 500 || code === 429 || code === GONE
    ? new OutsideError(`${what}: ${code} ${reason}`)
    : new KubeRefusedError(what, code, reason);
}

/** Where a collection's objects go. */
export interface Sink<T> {
  /** An object is new or has changed. */
  readonly put: (object: T) => void;
  readonly delete: (name: string) => void;
  /** The names of all objects that are known. */
  readonly names: () => Iterable<string>;
}

export interface FollowerOptions {
  /** Called when a list or a watch fails. */
  readonly onError: (error: unknown) => void;
  /** Called when both succeed again. */
  readonly onRecovered?: () => void;
  /** The least time from one list to the next. It's doubled for each failure in a row. */
  readonly retryMs?: number;
}

/** Between two lists if they keep failing. */
const LONGEST_PAUSE_MS = 60_000;

/** Keeps a {@link Sink} like its collection. It can lag behind by a moment. */
export class Follower<T extends KubeObject> {
  readonly #source: ListWatch<T>;
  readonly #sink: Sink<T>;
  readonly #options: FollowerOptions;
  readonly #abort = new AbortController();
  readonly #firstList = Promise.withResolvers<true>();
  readonly #firstTry = Promise.withResolvers<true>();
  #running = false;
  #synced = false;
  #failures = 0;
  /** When it was last known to be up to date, as `performance.now()` counts. */
  #currentAt = -Infinity;
  #refusal: KubeRefusedError | undefined;

  constructor(source: ListWatch<T>, sink: Sink<T>, options: FollowerOptions) {
    this.#source = source;
    this.#sink = sink;
    this.#options = options;
  }

  /** True once a first list has come. Before that, an absent object means nothing. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether the last list and the last watch succeeded. If not, what's known may be old. */
  get current(): boolean {
    return this.#synced && this.#failures === 0;
  }

  /** For how many milliseconds what's known may have been out of date. Infinity before the first list. */
  get staleMs(): number {
    return this.current ? 0 : performance.now() - this.#currentAt;
  }

  /** Whether {@link run} was called. */
  get running(): boolean {
    return this.#running;
  }

  /** Why the API server refuses to list or watch, if it did so the last time. */
  get refusal(): KubeRefusedError | undefined {
    return this.#refusal;
  }

  /** Resolves to whether a first list came within `timeoutMs`. */
  async untilSynced(timeoutMs: number): Promise<boolean> {
    return await isWithin(timeoutMs, this.#firstList.promise);
  }

  /** Resolves to whether a first list came, or failed, within `timeoutMs`. */
  async untilTried(timeoutMs: number): Promise<boolean> {
    return await isWithin(timeoutMs, this.#firstTry.promise);
  }

  /** Lists and watches until {@link stop}. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#abort;
    const stopped = (): boolean => signal.aborted;
    this.#running = true;
    while (!stopped()) {
      const began = performance.now();
      try {
        await this.#listAndWatch(signal);
      } catch (error) {
        if (stopped()) return;
        // An open watch had been up to date until now.
        if (this.current) this.#currentAt = performance.now();
        this.#failures++;
        if (error instanceof KubeRefusedError) this.#refusal = error;
        this.#firstTry.resolve(true);
        this.#options.onError(error);
      }
      const pauseMs = this.#pauseMs() - (performance.now() - began);
      // It rejects if it's aborted. Then the loop ends.
      await setTimeout(Math.max(pauseMs, 0), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Ends {@link run}. */
  stop(): void {
    this.#abort.abort();
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    const seen = new Set<string>();
    const before = new Set(this.#sink.names());
    const version = await this.#source.list((page) => {
      for (const object of page) {
        seen.add(object.metadata.name);
        this.#sink.put(object);
      }
    }, signal);
    // What was added while the list was on its way stays: the watch decides about it.
    for (const name of before) if (!seen.has(name)) this.#sink.delete(name);
    this.#synced = true;
    this.#currentAt = performance.now();
    this.#firstList.resolve(true);
    this.#firstTry.resolve(true);
    // When the watch ends, there's a new list. That removes objects that were added after their
    // deletion had been reported, and helps if the version is too old (410 Gone).
    const events = await this.#source.watch(version, signal);
    if (this.#failures > 0) this.#options.onRecovered?.();
    this.#failures = 0;
    this.#refusal = undefined;
    for await (const event of events) {
      if (event.type === "ERROR") return;
      if (event.type === "DELETED") this.#sink.delete(event.object.metadata.name);
      else this.#sink.put(event.object);
    }
  }

  /** Grows with each failure, and is never in step with other replicas'. */
  #pauseMs(): number {
    const { retryMs = 1000 } = this.#options;
    const pauseMs = Math.min(retryMs * 2 ** Math.min(this.#failures, 10), Math.max(LONGEST_PAUSE_MS, retryMs));
    return this.#failures === 0 ? retryMs : pauseMs * (0.75 + Math.random() / 4);
  }
}
