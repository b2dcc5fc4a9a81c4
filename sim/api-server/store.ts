/**
 * The objects of one kind in the small API server: unique names, resource versions, and watches
 * with their history.
 */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";

/** Any object as JSON. */
export interface StoredObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** A Job as JSON. client-node's V1Job is a class, and its dates are Dates. JSON has neither. */
export interface JobObject extends StoredObject {
  readonly spec: { readonly template: { readonly metadata?: ObjectMeta; readonly spec: PodSpecObject } } & Readonly<
    Record<string, unknown>
  >;
  readonly status?: JobStatusObject;
}

export interface SecretObject extends StoredObject {
  readonly type?: string;
  readonly immutable?: boolean;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface PodObject extends StoredObject {
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface EventObject extends StoredObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
}

export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly creationTimestamp?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
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

/** What a store needs to know of its objects. */
export interface Kind<T extends StoredObject> {
  /** As messages name them: `jobs.batch`, and `Job.batch`. */
  readonly resource: string;
  readonly title: string;
  readonly kind: string;
  readonly apiVersion: string;
  /** Why it's refused, apart from its name. Undefined if nothing is wrong. */
  readonly problemWith: (object: T) => string | undefined;
}

export const JOBS: Kind<JobObject> = {
  resource: "jobs.batch",
  title: "Job.batch",
  kind: "Job",
  apiVersion: "batch/v1",
  problemWith: problemWithJob,
};

export const PODS: Kind<PodObject> = {
  resource: "pods",
  title: "Pod",
  kind: "Pod",
  apiVersion: "v1",
  problemWith: () => undefined,
};

export const EVENTS: Kind<EventObject> = {
  resource: "events",
  title: "Event",
  kind: "Event",
  apiVersion: "v1",
  problemWith: () => undefined,
};

export const SECRETS: Kind<SecretObject> = {
  resource: "secrets",
  title: "Secret",
  kind: "Secret",
  apiVersion: "v1",
  problemWith: () => undefined,
};

interface WatchEvent<T> {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

interface Watch {
  readonly namespace: string;
  readonly selects: (object: StoredObject) => boolean;
  readonly response: ServerResponse;
}

/** An RFC 1123 subdomain, and the values that a label can have. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

export class ObjectStore<T extends StoredObject> {
  /** How often each name was created. */
  readonly created = new Map<string, number>();
  readonly #kind: Kind<T>;
  readonly #objects = new Map<string, T>();
  readonly #watches = new Set<Watch>();
  #events: WatchEvent<T>[] = [];
  #version = 1;
  #oldest = 0;

  constructor(kind: Kind<T>) {
    this.#kind = kind;
  }

  /**
   * Stores an object, which must have a name, and returns it as stored.
   * @throws StatusError if it's invalid (422), or the name is taken (409).
   */
  create(object: T): T {
    const { namespace = "", name = "" } = object.metadata;
    const { title, resource, problemWith } = this.#kind;
    const invalid = problemWithMeta(object) ?? problemWith(object);
    if (invalid !== undefined) throw new StatusError(422, "Invalid", `${title} "${name}" is invalid: ${invalid}`);
    if (this.#objects.has(`${namespace}/${name}`))
      throw new StatusError(409, "AlreadyExists", `${resource} "${name}" already exists`);
    this.created.set(name, (this.created.get(name) ?? 0) + 1);
    return this.#put("ADDED", object);
  }

  /** Stores an object, or replaces the one that has its name, which keeps its UID. */
  put(object: T): T {
    const { namespace = "", name = "" } = object.metadata;
    const before = this.find(namespace, name)?.metadata;
    if (!before) return this.#put("ADDED", object);
    const { uid, creationTimestamp } = before;
    return this.#put("MODIFIED", { ...object, metadata: { ...object.metadata, uid, creationTimestamp } });
  }

  /** @throws StatusError if there's no such object (404). */
  get(namespace: string, name: string): T {
    const object = this.find(namespace, name);
    if (!object) throw new StatusError(404, "NotFound", `${this.#kind.resource} "${name}" not found`);
    return object;
  }

  find(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  /** All objects, in the order of creation. */
  list(): T[] {
    return [...this.#objects.values()];
  }

  /**
   * One page of a list, with `limit` and `continue` as in the real API. The token is the index to
   * continue from.
   */
  page(namespace: string, query: URLSearchParams): object {
    const { kind, apiVersion } = this.#kind;
    const selects = selector(query.get("labelSelector"));
    const found = this.list().filter((object) => isIn(namespace, object) && selects(object));
    const start = Number(query.get("continue") ?? 0);
    const end = start + Number(query.get("limit") ?? found.length);
    const more = end < found.length ? { continue: String(end), remainingItemCount: found.length - end } : {};
    const metadata = { resourceVersion: String(this.#version), ...more };
    return { kind: `${kind}List`, apiVersion, metadata, items: found.slice(start, end) };
  }

  /**
   * Applies a JSON merge patch (RFC 7386), and returns the object as stored.
   * @throws StatusError if there's no such object (404).
   */
  patch(namespace: string, name: string, patch: unknown): T {
    return this.#put("MODIFIED", merge(this.get(namespace, name), patch) as T);
  }

  /**
   * Removes an object, and returns it.
   * @throws StatusError if there's no such object (404), or it has another UID (409).
   */
  delete(namespace: string, name: string, uid?: string): T {
    const object = this.get(namespace, name);
    if (uid !== undefined && uid !== object.metadata.uid) {
      const message = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid ?? ""}`;
      throw new StatusError(409, "Conflict", message);
    }
    this.#objects.delete(`${namespace}/${name}`);
    this.#publish("DELETED", object);
    return object;
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

  #put(type: "ADDED" | "MODIFIED", object: T): T {
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version + 1) } };
    this.#objects.set(`${stored.metadata.namespace ?? ""}/${stored.metadata.name ?? ""}`, stored);
    this.#publish(type, stored);
    return stored;
  }

  #publish(type: WatchEvent<T>["type"], object: T): void {
    const event = { version: ++this.#version, type, object };
    this.#events.push(event);
    for (const watch of this.#watches) send(watch, event);
  }
}

/** Fills in what the API server itself fills in before admission. */
export function withIdentity<T extends StoredObject>(object: T, namespace: string): T {
  const { generateName } = object.metadata;
  const name =
    object.metadata.name ?? (generateName === undefined ? undefined : generateName + randomUUID().slice(0, 5));
  const creationTimestamp = new Date().toISOString();
  return {
    ...object,
    metadata: {
      ...object.metadata,
      ...(name === undefined ? {} : { name }),
      namespace,
      uid: randomUUID(),
      creationTimestamp,
    },
  };
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged = typeof target === "object" && target !== null ? new Map(Object.entries(target)) : new Map();
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, merge(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

function send(watch: Watch, { version, type, object }: WatchEvent<StoredObject>): void {
  if (!isIn(watch.namespace, object) || !watch.selects(object)) return;
  const sent = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
  watch.response.write(`${JSON.stringify({ type, object: sent })}\n`);
}

function isIn(namespace: string, { metadata }: StoredObject): boolean {
  return namespace === "" || metadata.namespace === namespace;
}

/** This project uses only equality (`a=b`) and existence (`a`). */
function selector(text: string | null): (object: StoredObject) => boolean {
  const terms = (text ?? "").split(",").filter((term) => term !== "");
  return ({ metadata }) =>
    terms.every((term) => {
      const [key = "", value] = term.split(/==?/);
      const label = metadata.labels?.[key];
      return label !== undefined && (value === undefined || label === value);
    });
}

function problemWithMeta({ metadata }: StoredObject): string | undefined {
  const name = metadata.name ?? "";
  if (!NAME.test(name) || name.length > 63) return `metadata.name: Invalid value: ${JSON.stringify(name)}`;
  return problemWithLabels(metadata.labels);
}

function problemWithLabels(labels: ObjectMeta["labels"] = {}): string | undefined {
  const [key, value] = Object.entries(labels).find(([, text]) => text.length > 63 || !LABEL_VALUE.test(text)) ?? [];
  return key === undefined ? undefined : `metadata.labels: Invalid value: ${JSON.stringify(value)} of ${key}`;
}

function problemWithJob({ spec }: JobObject): string | undefined {
  if (spec.template.spec.containers.length === 0) return "spec.template.spec.containers: Required value";
  return problemWithLabels(spec.template.metadata?.labels);
}
