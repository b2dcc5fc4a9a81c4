/** The admission server on a free port, with its own certificate, and reviews to send to it. */
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { createAdmissionMetrics } from "../../../src/admission/metrics.ts";
import type { Planner } from "../../../src/planner/planner.ts";
import { startAdmissionServer, type AdmissionServer } from "../../../src/admission/server.ts";
import type { PatchPlan } from "../../../src/injection/plan.ts";
import { createLogger } from "../../../src/process/log.ts";
import { createRegistry } from "../../../src/process/metrics.ts";
import { createTestAuthority, type ServingPair, type TestAuthority } from "../../../sim/api-server/authority.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export interface TestAdmission extends AdmissionServer {
  readonly ca: string;
  readonly issue: TestAuthority["issue"];
  /**
   * POSTs to /mutate as an API server does. A body that isn't a string or bytes is sent as JSON.
   */
  readonly post: (body: unknown, options?: RequestOptions) => Promise<Answer>;
  /** The value of a line of /metrics that starts like this: `name{label="value"}`. */
  readonly metric: (line: string) => Promise<number | undefined>;
  /** The lines logged so far, including debug ones. */
  readonly logged: readonly Readonly<Record<string, unknown>>[];
}

/** Shared by all servers of a test file, since each key takes a tenth of a second to make. */
let shared: { readonly authority: TestAuthority; readonly pair: ServingPair } | undefined;

export async function startTestAdmission(planner: Planner = fakePlanner()): Promise<TestAdmission> {
  if (shared === undefined) {
    const created = createTestAuthority();
    shared = { authority: created, pair: created.issue() };
  }
  const { authority, pair } = shared;
  const logged: Readonly<Record<string, unknown>>[] = [];
  const log = createLogger("admission", "debug", {
    write: (line) => logged.push(JSON.parse(line) as Record<string, unknown>),
  });
  const registry = createRegistry();
  const metrics = createAdmissionMetrics(registry);
  const server = await startAdmissionServer({ host: "127.0.0.1", port: 0, planner, metrics, log });
  server.setCertificate(pair);
  const agent = new Agent({ keepAlive: true, ca: authority.ca });
  return {
    ...server,
    ca: authority.ca,
    issue: authority.issue,
    logged,
    post: (body, options) => post(body, { port: server.port, agent, ca: authority.ca, ...options }),
    async metric(line) {
      const found = (await registry.metrics()).split("\n").find((candidate) => candidate.startsWith(`${line} `));
      return found === undefined ? undefined : Number(found.slice(line.length + 1));
    },
    close() {
      agent.destroy();
      server.close();
    },
  };
}

export function post(body: unknown, options: RequestOptions): Promise<Answer> {
  const text = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: "127.0.0.1",
        path: "/mutate?timeout=5s",
        method: "POST",
        headers: { "content-type": "application/json" },
        ...options,
      },
      (response) => {
        let answer = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: answer === "" ? undefined : JSON.parse(answer),
          });
        });
      },
    );
    request.on("error", reject);
    request.end(text);
  });
}

/** A review as the API server sends it; `request` replaces fields of the request. */
export function reviewOf(object: unknown, request: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const kind = { group: "batch", version: "v1", kind: "Job" };
  const resource = { group: "batch", version: "v1", resource: "jobs" };
  return {
    kind: "AdmissionReview",
    apiVersion: "admission.k8s.io/v1",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      namespace: "ci",
      name: "build-1",
      operation: "CREATE",
      userInfo: { username: "alice", groups: ["system:authenticated"] },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
      ...request,
    },
  };
}

export const PATCHED: PatchPlan = {
  kind: "patch",
  strategy: "trap",
  chosenBy: "auto",
  limits: [],
  containers: [],
  warnings: [],
  patch: [{ op: "add", path: "/metadata/annotations", value: { "curfew.sh/injected": "trap" } }],
};

/**
 * A planner that gives these answers, whatever the object. By default, it patches Jobs and has
 * nothing to restore.
 */
export function fakePlanner(answers: Partial<Planner> = {}): Planner {
  return {
    planJob: () => PATCHED,
    planCronJob: () => PATCHED,
    planPod: () => PATCHED,
    planUpdate: () => ({ patch: [], warnings: [] }),
    planPodUpdate: () => ({ patch: [], warnings: [] }),
    ...answers,
  };
}

/** The answer's patch, decoded from base64. */
export function decodePatch(answer: Answer): unknown {
  const { response } = answer.body as { response: { patch: string } };
  return JSON.parse(Buffer.from(response.patch, "base64").toString());
}
