/**
 * Jobs at the Kubernetes API server: how to create one and what the answer means, lists in pages,
 * watches, and how to delete exactly one.
 */
import { KubeUnreachableError, type KubeClient } from "../../kubernetes/client.ts";
import { messageOf, OutsideError } from "../../process/errors.ts";
import { judgeCreation, reasonOf, type CreateOutcome, type DeleteOutcome } from "./job-outcomes.ts";
import { JOB_LABEL, type AgentJob } from "./plan-agent-job.ts";
import type { StoredJob } from "./stored-job.ts";

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: StoredJob }
  | { readonly type: "ERROR"; readonly object: { readonly code?: number; readonly message?: string } };

const PAGE = 500;
/**
 * Asks for the Job's metadata only, as the rest is what was sent. The API server can still send the
 * whole object.
 */
const METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

export class JobsApi {
  readonly #client: KubeClient;
  readonly #timeoutMs: number;
  readonly #watchSeconds: number;

  /** The API server ends a watch after `watchSeconds`. */
  constructor(client: KubeClient, timeoutMs = 10_000, watchSeconds = 300) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#watchSeconds = watchSeconds;
  }

  /**
   * Tries once to create a Job, within `timeoutMs`. Never rejects: every answer, or no answer, is
   * an outcome.
   */
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
      return judgeCreation(response, reasonOf(text));
    } catch (error) {
      const message = messageOf(error);
      return { kind: "unavailable", why: "unreachable", message };
    }
  }

  /**
   * Lists every Job of a dispatcher in a namespace, a page at a time. Resolves to the resource
   * version to watch from.
   * @throws OutsideError if the API server doesn't answer, or refuses.
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

  /**
   * Events after `resourceVersion`, until the API server ends the watch or `signal` aborts it.
   * @throws as {@link list} does.
   */
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
      // A connection can be lost silently. A watch that hears nothing any more mustn't be trusted
      // forever.
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

  /**
   * Deletes the Job with this UID, and its Pods, but no other Job of the same name.
   * @throws KubeUnreachableError
   */
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
