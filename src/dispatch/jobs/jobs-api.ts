/** Jobs at the Kubernetes API server: what a creation's answer means, lists in pages, watches, deletion of exactly this Job. */
import { KubeUnreachableError, type KubeClient, type KubeResponse } from "../../kubernetes/client.ts";
import { JOB_LABEL, type AgentJob } from "./plan-agent-job.ts";
import { retryAfterMs } from "../../http/retry-after.ts";
import { statusMessage } from "../../kubernetes/status-message.ts";
import { messageOf, OutsideError } from "../../process/errors.ts";

/** A Job as it comes from the API server, as far as it is read here. */
export interface StoredJob {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly ready?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime?: string;
    }[];
  };
}

export type CreateOutcome =
  | { readonly kind: "created"; readonly job: StoredJob }
  | { readonly kind: "exists" }
  /** It may work later. */
  | {
      readonly kind: "unavailable";
      readonly why: "unreachable" | "throttled" | "quota" | "server-error";
      readonly message: string;
      readonly retryAfterMs?: number;
    }
  /** The dispatcher itself is set up wrong: it may not create Jobs, or the namespace is missing. No Job would be let in. */
  | { readonly kind: "forbidden"; readonly code: number; readonly message: string }
  /** This Job is refused, by the API server's validation or by an admission webhook: its template is wrong. */
  | { readonly kind: "refused"; readonly code: number; readonly message: string };

export type DeleteOutcome =
  | { readonly kind: "deleted" }
  /** It was gone already, or another Job has its name. */
  | { readonly kind: "gone" }
  | { readonly kind: "refused"; readonly message: string };

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: StoredJob }
  | { readonly type: "ERROR"; readonly object: { readonly code?: number; readonly message?: string } };

const PAGE = 500;
/** What is created is known; of the answer only what the API server gave it is of interest (falls back to the whole object). */
const METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

export class JobsApi {
  readonly #client: KubeClient;
  readonly #timeoutMs: number;
  readonly #watchSeconds: number;

  /** A watch is begun anew after `watchSeconds`. */
  constructor(client: KubeClient, timeoutMs = 10_000, watchSeconds = 300) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#watchSeconds = watchSeconds;
  }

  /** Creates a Job once, within `timeoutMs`. Every answer, and none, is an outcome. */
  async create(job: AgentJob, timeoutMs = this.#timeoutMs): Promise<CreateOutcome> {
    try {
      const response = await this.#client.request({
        method: "POST",
        path: path(job.metadata.namespace),
        body: job,
        accept: METADATA_ONLY,
        timeoutMs,
      });
      const text = await response.text();
      if (response.code >= 200 && response.code < 300) return { kind: "created", job: JSON.parse(text) as StoredJob };
      return judge(response, reasonOf(text));
    } catch (error) {
      const message = messageOf(error);
      return { kind: "unavailable", why: "unreachable", message };
    }
  }

  /**
   * Every Job of this dispatcher in a namespace, a page at a time, and the version to watch from.
   * @throws where the API server does not answer, or answers otherwise.
   */
  async list(namespace: string, onPage: (jobs: readonly StoredJob[]) => void, signal: AbortSignal): Promise<string> {
    let token = "";
    for (;;) {
      const query = new URLSearchParams({
        labelSelector: JOB_LABEL,
        limit: String(PAGE),
        ...(token && { continue: token }),
      });
      const response = await this.#client.request({
        method: "GET",
        path: `${path(namespace)}?${query.toString()}`,
        timeoutMs: 3 * this.#timeoutMs,
        signal,
      });
      const text = await response.text();
      if (response.code !== 200)
        throw new OutsideError(`cannot list Jobs in ${namespace}: ${response.code} ${reasonOf(text)}`);
      const list = JSON.parse(text) as { metadata: { resourceVersion: string; continue?: string }; items: StoredJob[] };
      onPage(list.items);
      if (!list.metadata.continue) return list.metadata.resourceVersion;
      token = list.metadata.continue;
    }
  }

  /** Events from `resourceVersion` on, until the API server ends the watch or `signal` aborts it. @throws as {@link list} does. */
  async *watch(namespace: string, resourceVersion: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const query = new URLSearchParams({
      labelSelector: JOB_LABEL,
      resourceVersion,
      watch: "true",
      timeoutSeconds: String(this.#watchSeconds),
    });
    const response = await this.#client.request({
      method: "GET",
      path: `${path(namespace)}?${query.toString()}`,
      // A connection may be lost without a word; a watch that hears nothing more must not be believed for ever.
      timeoutMs: this.#watchSeconds * 1000 + this.#timeoutMs,
      signal,
    });
    if (response.code !== 200)
      throw new OutsideError(`cannot watch Jobs in ${namespace}: ${response.code} ${reasonOf(await response.text())}`);
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const chunk of response.stream()) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line !== "") yield JSON.parse(line) as WatchEvent;
      }
    } catch (cause) {
      throw new KubeUnreachableError(cause);
    }
  }

  /** Deletes the Job with this UID and no other of its name, and its Pods. @throws KubeUnreachableError */
  async delete(namespace: string, name: string, uid: string): Promise<DeleteOutcome> {
    const options = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid },
      propagationPolicy: "Background",
    };
    const response = await this.#client.request({
      method: "DELETE",
      path: `${path(namespace)}/${name}`,
      body: options,
      timeoutMs: this.#timeoutMs,
    });
    const text = await response.text();
    if (response.code === 404 || response.code === 409) return { kind: "gone" };
    if (response.code < 300) return { kind: "deleted" };
    return { kind: "refused", message: `${response.code} ${reasonOf(text)}` };
  }
}

function path(namespace: string): string {
  return `/apis/batch/v1/namespaces/${namespace}/jobs`;
}

/**
 * What a creation that failed means. The API server has one code for many things; the texts are those of its plugins:
 * "exceeded quota" (ResourceQuota), "is being terminated" (NamespaceLifecycle), `cannot create resource` (RBAC).
 */
function judge({ code, headers }: KubeResponse, message: string): CreateOutcome {
  const pauseMs = retryAfterMs(headers["retry-after"]);
  const retry = pauseMs === undefined ? {} : { retryAfterMs: pauseMs };
  if (code === 409 && /already exists/.test(message)) return { kind: "exists" };
  if (code === 429) return { kind: "unavailable", why: "throttled", message, ...retry };
  // 409 otherwise: a conflict, such as with a quota's status that is being updated.
  if (code >= 500 || code === 409 || code === 408)
    return { kind: "unavailable", why: "server-error", message, ...retry };
  if (code === 403 && /exceeded quota|is being terminated/.test(message))
    return { kind: "unavailable", why: "quota", message };
  if (code === 401 || code === 404 || (code === 403 && /cannot create resource/.test(message)))
    return { kind: "forbidden", code, message };
  return { kind: "refused", code, message };
}

/** What a Status says, or the beginning of whatever a proxy in between sent. */
function reasonOf(text: string): string {
  return statusMessage(text) ?? text.slice(0, 200);
}
