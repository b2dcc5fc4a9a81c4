/**
 * Jobs at the Kubernetes API server: how to create one and what the answer means, how to follow
 * them, and how to delete exactly one.
 */
import type { KubeClient } from "../../kubernetes/client.ts";
import { isKubeObject, parseAnswer } from "../../kubernetes/kube-object.ts";
import { listWatchOf, type ListWatch } from "../../kubernetes/list-watch.ts";
import { messageOf, OutsideError } from "../../process/errors.ts";
import { judgeCreation, reasonOf, type CreateOutcome, type DeleteOutcome } from "./job-outcomes.ts";
import { JOB_LABEL, type AgentJob } from "./plan-agent-job.ts";
import type { StoredJob } from "./stored-job.ts";

/**
 * Asks for an object's metadata only, as the rest is what was sent. The API server can still send
 * the whole object.
 */
export const METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/** How much of what was stored to answer with. Admission webhooks may have changed the rest. */
export type Answer = "metadata" | "everything";

export class JobsApi {
  readonly #client: KubeClient;
  readonly #timeoutMs: number;

  constructor(client: KubeClient, timeoutMs = 10_000) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /** How to follow a namespace's Jobs that a dispatcher made. */
  in(namespace: string): ListWatch<StoredJob> {
    const query = { labelSelector: JOB_LABEL };
    return listWatchOf(this.#client, { path: path(namespace), what: `Jobs in ${namespace}`, query });
  }

  /**
   * Tries once to create a Job, within `timeoutMs`. Never rejects: every answer, or no answer, is
   * an outcome. `answer` says how much of the stored Job the outcome has.
   */
  async create(job: AgentJob, timeoutMs = this.#timeoutMs, answer: Answer = "metadata"): Promise<CreateOutcome> {
    try {
      const response = await this.#client.request({
        method: "POST",
        path: path(job.metadata.namespace),
        body: job,
        ...(answer === "metadata" && { accept: METADATA_ONLY }),
        timeoutMs,
      });
      const text = await response.text();
      if (response.code >= 200 && response.code < 300) return { kind: "created", job: parseJob(text) };
      return judgeCreation(response, reasonOf(text));
    } catch (error) {
      const message = messageOf(error);
      return { kind: "unavailable", why: "unreachable", message, mayExist: true };
    }
  }

  /**
   * Gets a Job's metadata. Undefined if there's no Job of this name.
   * @throws OutsideError if the API server doesn't answer, or refuses.
   */
  async get(namespace: string, name: string, timeoutMs = this.#timeoutMs): Promise<StoredJob | undefined> {
    const response = await this.#client.request({
      method: "GET",
      path: `${path(namespace)}/${name}`,
      accept: METADATA_ONLY,
      timeoutMs,
    });
    const text = await response.text();
    if (response.code === 404) return undefined;
    if (response.code !== 200)
      throw new OutsideError(`cannot get the Job ${name} in ${namespace}: ${response.code} ${reasonOf(text)}`);
    return parseJob(text);
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

/** @throws OutsideError if it's anything but an object of the API server. */
function parseJob(text: string): StoredJob {
  const job = parseAnswer(text, "a Job");
  if (isKubeObject(job)) return job;
  throw new OutsideError("the Kubernetes API server's answer isn't a Job: is there a proxy in between?");
}

function path(namespace: string): string {
  return `/apis/batch/v1/namespaces/${namespace}/jobs`;
}
