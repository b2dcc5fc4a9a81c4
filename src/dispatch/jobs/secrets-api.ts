/**
 * Secrets at the Kubernetes API server, each for one Job: create or replace one, and delete it.
 * None is ever read, so the dispatcher's Role needs neither get nor list.
 */
import type { KubeClient, KubeResponse } from "../../kubernetes/client.ts";
import { messageOf } from "../../process/errors.ts";
import { reasonOf } from "./job-outcomes.ts";
import { METADATA_ONLY } from "./jobs-api.ts";

/** The Job that a Secret belongs to. The garbage collector removes the Secret with it. */
export interface SecretOwner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A Secret with one value. Its name is its Job's. */
export interface JobSecret {
  readonly owner: SecretOwner;
  readonly labels: Readonly<Record<string, string>>;
  readonly key: string;
  readonly value: string;
}

export type PutOutcome =
  /** `uid`: the Secret's own. */
  | { readonly kind: "created" | "replaced"; readonly uid: string }
  /** The dispatcher may not create or patch Secrets, or the namespace is missing. */
  | { readonly kind: "forbidden"; readonly message: string }
  /** It can work later, or not: nothing answered, a quota is used up, or a policy says no. */
  | { readonly kind: "failed"; readonly message: string };

export type PutFirst = "create" | "replace";

export class SecretsApi {
  readonly #client: KubeClient;
  readonly #timeoutMs: number;

  constructor(client: KubeClient, timeoutMs = 10_000) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Creates a Secret, or replaces the value, labels and owner of the one that has its name. `first`
   * says what to try first: it saves a call. Never rejects.
   */
  async put(secret: JobSecret, first: PutFirst): Promise<PutOutcome> {
    try {
      const once = await this.#try(secret, first);
      if (once !== "other") return once;
      const twice = await this.#try(secret, first === "create" ? "replace" : "create");
      // Somebody has just created or deleted it.
      return twice === "other" ? { kind: "failed", message: "the Secret came or went meanwhile" } : twice;
    } catch (error) {
      return { kind: "failed", message: messageOf(error) };
    }
  }

  /**
   * Deletes the Secret with this UID, but no other Secret of the same name. Resolves to why it
   * couldn't, or to undefined if it's gone. Never rejects.
   */
  async delete(namespace: string, name: string, uid: string): Promise<string | undefined> {
    try {
      const response = await this.#client.request({
        method: "DELETE",
        path: `${path(namespace)}/${name}`,
        body: { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } },
        timeoutMs: this.#timeoutMs,
      });
      const text = await response.text();
      return response.code < 300 || response.code === 404 || response.code === 409
        ? undefined
        : `${response.code} ${reasonOf(text)}`;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** `other`: there's a Secret of that name, or there's none to replace. */
  async #try(secret: JobSecret, how: PutFirst): Promise<PutOutcome | "other"> {
    const { namespace, name } = secret.owner;
    const response = await this.#client.request({
      ...(how === "create"
        ? { method: "POST", path: path(namespace) }
        : { method: "PATCH", path: `${path(namespace)}/${name}` }),
      body: toManifest(secret),
      accept: METADATA_ONLY,
      timeoutMs: this.#timeoutMs,
    });
    const text = await response.text();
    if (response.code < 300) return { kind: how === "create" ? "created" : "replaced", uid: uidOf(text) };
    return judge(response, reasonOf(text), how);
  }
}

function judge({ code }: KubeResponse, message: string, how: PutFirst): PutOutcome | "other" {
  if (how === "create" && code === 409 && /already exists/.test(message)) return "other";
  // Without its namespace, it can't be created either, and that's said then.
  if (how === "replace" && code === 404) return "other";
  const forbids = code === 403 && /cannot (create|patch) resource/.test(message);
  return { kind: forbids || code === 401 || code === 404 ? "forbidden" : "failed", message: `${code} ${message}` };
}

function toManifest({ owner: { namespace, name, uid }, labels, key, value }: JobSecret): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels, ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name, uid }] },
    type: "Opaque",
    data: { [key]: Buffer.from(value).toString("base64") },
  };
}

function uidOf(text: string): string {
  return (JSON.parse(text) as { metadata: { uid: string } }).metadata.uid;
}

function path(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/secrets`;
}
