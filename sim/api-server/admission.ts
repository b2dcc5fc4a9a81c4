/**
 * How the small API server asks mutating webhooks: it sends an AdmissionReview over TLS, applies
 * the patch, and words a refusal as the real one does.
 */
import { randomUUID } from "node:crypto";
import { request } from "node:https";
import fastJsonPatch, { type Operation } from "fast-json-patch";
import { StatusError, type JobObject } from "./store.ts";
import { messageOf } from "../../src/process/errors.ts";

/** The parts of a MutatingWebhookConfiguration's entry that are used here. */
export interface AdmissionWebhook {
  readonly name: string;
  readonly url: string;
  /** PEM of the authority that signed the webhook's certificate. */
  readonly caBundle: string;
  readonly failurePolicy?: "Fail" | "Ignore";
  readonly timeoutSeconds?: number;
  /** The objectSelector's matchLabels. */
  readonly matchLabels?: Readonly<Record<string, string>>;
}

interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

/**
 * Sends a new Job through every webhook that selects it, in order, and resolves to the patched Job.
 * @throws StatusError if one refuses.
 */
export async function admit(
  webhooks: readonly AdmissionWebhook[],
  job: JobObject,
): Promise<{ job: JobObject; warnings: string[] }> {
  let admitted = job;
  const warnings: string[] = [];
  for (const webhook of webhooks) {
    const labels = admitted.metadata.labels ?? {};
    if (!Object.entries(webhook.matchLabels ?? {}).every(([key, value]) => labels[key] === value)) continue;
    const response = await call(webhook, admitted);
    if (response === undefined) continue;
    warnings.push(...(response.warnings ?? []));
    if (!response.allowed) {
      const message = `admission webhook "${webhook.name}" denied the request: ${response.status?.message ?? "no reason"}`;
      throw new StatusError(response.status?.code ?? 403, "Forbidden", message);
    }
    if (response.patch !== undefined) {
      const patch = JSON.parse(Buffer.from(response.patch, "base64").toString()) as Operation[];
      admitted = fastJsonPatch.applyPatch(structuredClone(admitted), patch, true).newDocument;
    }
  }
  return { job: admitted, warnings };
}

/** One review. Undefined if there's no usable answer, and the failure policy ignores that. */
async function call(webhook: AdmissionWebhook, job: JobObject): Promise<AdmissionResponse | undefined> {
  const uid = randomUUID();
  const resource = { group: "batch", version: "v1", resource: "jobs" };
  const kind = { group: "batch", version: "v1", kind: "Job" };
  const { namespace, name } = job.metadata;
  const userInfo = { username: "test", groups: ["system:authenticated"] };
  const review = {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid,
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      namespace,
      name,
      operation: "CREATE",
      userInfo,
      object: job,
      oldObject: null,
      dryRun: false,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
    },
  };
  try {
    const { response } = JSON.parse(await post(webhook, JSON.stringify(review))) as { response?: AdmissionResponse };
    if (response?.uid !== uid) throw new Error(`expected response.uid=${uid}, got ${String(response?.uid)}`);
    return response;
  } catch (error) {
    if (webhook.failurePolicy === "Ignore") return undefined;
    const why = messageOf(error);
    throw new StatusError(
      500,
      "InternalError",
      `Internal error occurred: failed calling webhook "${webhook.name}": failed to call webhook: ${why}`,
    );
  }
}

function post(webhook: AdmissionWebhook, body: string): Promise<string> {
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const signal = AbortSignal.timeout((webhook.timeoutSeconds ?? 10) * 1000);
  return new Promise((resolve, reject) => {
    const sent = request(webhook.url, { method: "POST", ca: webhook.caBundle, headers, signal }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject).on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`unexpected status ${String(response.statusCode)}: ${text.slice(0, 200)}`));
      });
    });
    sent.on("error", reject).end(body);
  });
}
