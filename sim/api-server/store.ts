/**
 * The Jobs of the small API server: unique names, resource versions, and watches with their
 * history.
 */
import type { ServerResponse } from "node:http";

/** A Job as JSON. client-node's V1Job is a class, and its dates are Dates. JSON has neither. */
export interface JobObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: JobMeta;
  readonly spec: { readonly template: { readonly metadata?: JobMeta; readonly spec: PodSpecObject } } & Readonly<
    Record<string, unknown>
  >;
  readonly status?: JobStatusObject;
}

export interface JobMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly creationTimestamp?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PodSpecObject {
  readonly containers: readonly ContainerObject[];
  readonly initContainers?: readonly ContainerObject[];
  readonly [field: string]: unknown;
}

export interface ContainerObject {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly [field: string]: unknown;
}

export interface JobStatusObject {
  readonly active?: number;
  readonly ready?: number;
  readonly succeeded?: number;
  readonly failed?: number;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly lastTransitionTime?: string;
  }[];
}

/** An answer that isn't a success, with the Status body of the API's conventions. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly headers: Record<string, string>;

  constructor(code: number, reason: string, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.headers = headers;
  }

  /** As a meta/v1 Status. */
  toStatus(): object {
    return {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      message: this.message,
      reason: this.reason,
      code: this.code,
    };
  }
}

interface WatchEvent {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: JobObject;
}

interface Watch {
  readonly namespace: string;
  readonly selects: (job: JobObject) => boolean;
  readonly response: ServerResponse;
}

/** An RFC 1123 subdomain, and the values that a label can have. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

export class JobStore {
  readonly created = new Map<string, number>();
  readonly #jobs = new Map<string, JobObject>();
  readonly #watches = new Set<Watch>();
  #events: WatchEvent[] = [];
  #version = 1;
  #oldest = 0;

  /**
   * Stores a Job, which must have a name, and returns it as stored.
   * @throws StatusError if it's invalid (422), or the name is taken (409).
   */
  create(job: JobObject): JobObject {
    const { namespace = "", name = "" } = job.metadata;
    const invalid = problemWith(job);
    if (invalid !== undefined) throw new StatusError(422, "Invalid", `Job.batch "${name}" is invalid: ${invalid}`);
    if (this.#jobs.has(`${namespace}/${name}`))
      throw new StatusError(409, "AlreadyExists", `jobs.batch "${name}" already exists`);
    this.created.set(name, (this.created.get(name) ?? 0) + 1);
    return this.#put("ADDED", { status: {}, ...job });
  }

  /** @throws StatusError if there's no such Job (404). */
  get(namespace: string, name: string): JobObject {
    const job = this.#jobs.get(`${namespace}/${name}`);
    if (!job) throw new StatusError(404, "NotFound", `jobs.batch "${name}" not found`);
    return job;
  }

  /** All Jobs, in the order of creation. */
  list(): JobObject[] {
    return [...this.#jobs.values()];
  }

  /**
   * One page of a list, with `limit` and `continue` as in the real API. The token is the index to
   * continue from.
   */
  page(namespace: string, query: URLSearchParams): object {
    const selects = selector(query.get("labelSelector"));
    const found = this.list().filter((job) => isIn(namespace, job) && selects(job));
    const start = Number(query.get("continue") ?? 0);
    const end = start + Number(query.get("limit") ?? found.length);
    const more = end < found.length ? { continue: String(end), remainingItemCount: found.length - end } : {};
    const metadata = { resourceVersion: String(this.#version), ...more };
    return { kind: "JobList", apiVersion: "batch/v1", metadata, items: found.slice(start, end) };
  }

  /** Merges `status` into a Job's status. False if there's no such Job. */
  setStatus(namespace: string, name: string, status: JobStatusObject): boolean {
    const job = this.#jobs.get(`${namespace}/${name}`);
    if (!job) return false;
    this.#put("MODIFIED", { ...job, status: { ...job.status, ...status } });
    return true;
  }

  /**
   * Removes a Job, and returns it.
   * @throws StatusError if there's no such Job (404), or it has another UID (409).
   */
  delete(namespace: string, name: string, uid?: string): JobObject {
    const job = this.get(namespace, name);
    if (uid !== undefined && uid !== job.metadata.uid) {
      const message = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${job.metadata.uid ?? ""}`;
      throw new StatusError(409, "Conflict", message);
    }
    this.#jobs.delete(`${namespace}/${name}`);
    this.#publish("DELETED", job);
    return job;
  }

  /**
   * Answers with a watch: first the events since `resourceVersion`, then new ones until the
   * connection ends.
   */
  watch(namespace: string, query: URLSearchParams, response: ServerResponse): void {
    const since = Number(query.get("resourceVersion") ?? this.#version);
    const watch: Watch = { namespace, selects: selector(query.get("labelSelector")), response };
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (since < this.#oldest) {
      const gone = new StatusError(410, "Expired", `too old resource version: ${since} (${this.#oldest})`);
      response.end(`${JSON.stringify({ type: "ERROR", object: gone.toStatus() })}\n`);
      return;
    }
    for (const event of this.#events) if (event.version > since) send(watch, event);
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
  }

  /** Ends all watches. With `forget`, older resource versions are gone. */
  dropWatches(forget: boolean): void {
    if (forget) {
      this.#events = [];
      this.#oldest = ++this.#version;
    }
    for (const watch of this.#watches) watch.response.destroy();
    this.#watches.clear();
  }

  #put(type: "ADDED" | "MODIFIED", job: JobObject): JobObject {
    const stored = { ...job, metadata: { ...job.metadata, resourceVersion: String(this.#version + 1) } };
    this.#jobs.set(`${stored.metadata.namespace ?? ""}/${stored.metadata.name ?? ""}`, stored);
    this.#publish(type, stored);
    return stored;
  }

  #publish(type: WatchEvent["type"], object: JobObject): void {
    const event = { version: ++this.#version, type, object };
    this.#events.push(event);
    for (const watch of this.#watches) send(watch, event);
  }
}

function send(watch: Watch, { version, type, object }: WatchEvent): void {
  if (!isIn(watch.namespace, object) || !watch.selects(object)) return;
  const job = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
  watch.response.write(`${JSON.stringify({ type, object: job })}\n`);
}

function isIn(namespace: string, job: JobObject): boolean {
  return namespace === "" || job.metadata.namespace === namespace;
}

/** This project uses only equality (`a=b`) and existence (`a`). */
function selector(text: string | null): (job: JobObject) => boolean {
  const terms = (text ?? "").split(",").filter((term) => term !== "");
  return (job) =>
    terms.every((term) => {
      const [key = "", value] = term.split(/==?/);
      const label = job.metadata.labels?.[key];
      return label !== undefined && (value === undefined || label === value);
    });
}

function problemWith(job: JobObject): string | undefined {
  const name = job.metadata.name ?? "";
  if (!NAME.test(name) || name.length > 63) return `metadata.name: Invalid value: ${JSON.stringify(name)}`;
  for (const labels of [job.metadata.labels, job.spec.template.metadata?.labels])
    for (const [key, value] of Object.entries(labels ?? {}))
      if (value.length > 63 || !LABEL_VALUE.test(value))
        return `metadata.labels: Invalid value: ${JSON.stringify(value)} of ${key}`;
  if (job.spec.template.spec.containers.length === 0) return "spec.template.spec.containers: Required value";
  return undefined;
}
