/**
 * A small Kubernetes API server for Jobs, Pods, Secrets and Events, in this process. It has create,
 * get, list, watch, merge patch and delete with the status codes, Status bodies and watch events of
 * the real one, mutating webhooks over TLS for Jobs, the garbage collector's work for owned objects,
 * and faults on demand. It has no authentication, other kinds, update or field selectors, and runs
 * nothing: tests and the demo set a Job's status with `setStatus`, and make Pods and Events.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { admit, type AdmissionWebhook } from "./admission.ts";
import {
  EVENTS,
  JOBS,
  ObjectStore,
  PODS,
  SECRETS,
  StatusError,
  withIdentity,
  type JobObject,
  type EventObject,
  type JobStatusObject,
  type PodObject,
  type SecretObject,
  type StoredObject,
} from "./store.ts";

export { StatusError } from "./store.ts";
export type { EventObject, JobObject, JobStatusObject, PodObject, SecretObject } from "./store.ts";
export type { AdmissionWebhook } from "./admission.ts";

/** What a fault sees of a request. `name` is the object's, if the path or the body has one. */
export interface ApiRequest {
  readonly verb: "create" | "get" | "list" | "watch" | "patch" | "delete";
  readonly resource: "jobs" | "pods" | "secrets" | "events";
  readonly namespace: string;
  readonly name: string | undefined;
}

/**
 * What goes wrong instead. `delay` only makes the answer slow; `lost-answer` carries out the
 * request, then drops the connection.
 */
export type Fault =
  | { readonly kind: "status"; readonly code: number; readonly message?: string; readonly retryAfterSeconds?: number }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "hang-up" }
  | { readonly kind: "lost-answer" };

export interface ApiServerOptions {
  /**
   * Serves HTTPS with this certificate (PEM). Without one, it's plain HTTP, which client-node
   * accepts only with `skipTLSVerify`.
   */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string };
  readonly webhooks?: readonly AdmissionWebhook[];
}

export interface ApiServer {
  readonly url: string;
  /** A kubeconfig that reaches this server (JSON, which is YAML). */
  readonly kubeconfig: string;
  /** Asked before every request; set it to break things. */
  fault: (request: ApiRequest) => Fault | undefined;
  /** Every Job that exists now, in the order of creation. */
  jobs(): JobObject[];
  /** Every Secret that exists now, in the order of creation. */
  secrets(): SecretObject[];
  secret(namespace: string, name: string): SecretObject | undefined;
  /** How many Jobs were ever created under this name. */
  timesCreated(name: string): number;
  /** How many connections were ever made. */
  connections(): number;
  /**
   * Merges `status` into a Job's status, as the Job controller would, and tells the watches. False
   * if there's no such Job.
   */
  setStatus(namespace: string, name: string, status: JobStatusObject): boolean;
  /**
   * Suspends a Job or resumes it, as Kueue would. False if there's no such Job.
   */
  setSuspended(namespace: string, name: string, suspend: boolean): boolean;
  /** Removes a Job as the TTL controller would. */
  remove(namespace: string, name: string): void;
  /** Creates a Pod, or replaces it, as the Job controller and kubelet would. */
  putPod(pod: PodObject): void;
  /** Creates an Event about an object, or replaces it. */
  putEvent(event: EventObject): void;
  /** Called with every Job as it was stored. */
  onCreate: (job: JobObject) => void;
  /** Called with every Job that a client deleted. */
  onDelete: (job: JobObject) => void;
  /**
   * Ends every open watch. With `forget`, the next resourceVersion that they ask for is too old
   * (410 Gone).
   */
  dropWatches(forget?: boolean): void;
  close(): Promise<void>;
}

const PATH = /^\/(?:apis\/batch\/v1|api\/v1)(?:\/namespaces\/([^/]+))?\/(jobs|pods|secrets|events)(?:\/([^/]+))?$/;

/** Starts the server on a free port of 127.0.0.1. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const jobs = new ObjectStore(JOBS);
  const secrets = new ObjectStore(SECRETS);
  const pods = new ObjectStore(PODS);
  const events = new ObjectStore(EVENTS);
  const stores = { jobs, pods, secrets, events };
  const webhooks = options.webhooks ?? [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => {
      if (error instanceof StatusError) answer(response, error.code, error.toStatus(), error.headers);
      else answer(response, 500, new StatusError(500, "InternalError", String(error)).toStatus());
    });
  };
  const server = options.tls ? createHttpsServer(options.tls, listener) : createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  let connections = 0;
  server.on("connection", () => connections++);
  const url = `${options.tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const api: ApiServer = {
    url,
    kubeconfig: kubeconfig(url, options.tls?.ca),
    fault: () => undefined,
    onCreate: () => undefined,
    onDelete: () => undefined,
    jobs: () => jobs.list(),
    secrets: () => secrets.list(),
    secret: (namespace, name) => secrets.find(namespace, name),
    timesCreated: (name) => jobs.created.get(name) ?? 0,
    connections: () => connections,
    setStatus: (namespace, name, status) => change(namespace, name, { status }),
    setSuspended: (namespace, name, suspend) => change(namespace, name, { spec: { suspend } }),
    putPod: (pod) => void pods.put(withIdentity(pod, pod.metadata.namespace ?? "")),
    putEvent: (event) => void events.put(withIdentity(event, event.metadata.namespace ?? "")),
    remove: (namespace, name) => {
      jobs.delete(namespace, name);
      collectAll();
    },
    dropWatches: (forget = false) => {
      for (const store of Object.values(stores)) store.dropWatches(forget);
    },
    close: async () => {
      for (const store of Object.values(stores)) store.dropWatches(false);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };

  function change(namespace: string, name: string, patch: object): boolean {
    if (jobs.find(namespace, name) === undefined) return false;
    jobs.patch(namespace, name, patch);
    return true;
  }

  /** Removes an object whose owners are gone, as the garbage collector would. */
  function collect({ metadata }: StoredObject, store: ObjectStore<SecretObject> | ObjectStore<PodObject>): void {
    const { namespace = "", name = "", ownerReferences: owners = [] } = metadata;
    const isThere = owners.some((owner) => jobs.find(namespace, owner.name)?.metadata.uid === owner.uid);
    if (owners.length > 0 && !isThere) store.delete(namespace, name);
  }

  function collectAll(): void {
    for (const store of [secrets, pods]) for (const object of store.list()) collect(object, store);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = new URL(request.url ?? "/", url);
    const [path, namespace = "", plural, nameInPath] = PATH.exec(target.pathname) ?? [];
    const resource = plural as ApiRequest["resource"];
    if (path === undefined) throw new StatusError(404, "NotFound", "the server could not find the resource");
    const body = await readJson(request);
    const watch = ["true", "1"].includes(target.searchParams.get("watch") ?? "");
    const verb = verbOf(request.method ?? "", nameInPath, watch);
    const name = nameInPath ?? (body as Partial<StoredObject> | undefined)?.metadata?.name;

    const fault = api.fault({ verb, resource, namespace, name });
    if (fault?.kind === "hang-up") return void request.socket.destroy();
    if (fault?.kind === "delay") await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.kind === "status") {
      const headers = fault.retryAfterSeconds === undefined ? {} : { "retry-after": String(fault.retryAfterSeconds) };
      throw new StatusError(fault.code, "Fault", fault.message ?? `injected ${fault.code}`, headers);
    }
    const reply = (code: number, value: unknown, headers: Record<string, string | string[]> = {}): void => {
      if (fault?.kind === "lost-answer") request.socket.destroy();
      else answer(response, code, value, headers);
    };

    if (verb === "create" && resource === "jobs") {
      await createJob(toJob(body), namespace, reply);
      return;
    }
    const store = stores[resource];
    switch (verb) {
      case "create": {
        const stored = secrets.create(withIdentity(toObject(body), namespace));
        reply(201, stored);
        collect(stored, secrets);
        return;
      }
      case "get":
        reply(200, store.get(namespace, name ?? ""));
        return;
      case "patch": {
        const stored = store.patch(namespace, name ?? "", body);
        reply(200, stored);
        if (resource === "secrets") collect(stored, secrets);
        return;
      }
      case "delete": {
        const uid = (body as { preconditions?: { uid?: string } } | undefined)?.preconditions?.uid;
        const gone = store.delete(namespace, name ?? "", uid);
        reply(200, { kind: "Status", apiVersion: "v1", status: "Success", details: { name, uid: gone.metadata.uid } });
        if (resource !== "jobs") return;
        api.onDelete(gone as JobObject);
        collectAll();
        return;
      }
      case "list":
        reply(200, store.page(namespace, target.searchParams));
        return;
      case "watch":
        store.watch(namespace, target.searchParams, response);
    }
  }

  async function createJob(
    job: JobObject,
    namespace: string,
    reply: (code: number, value: unknown, headers?: Record<string, string[]>) => void,
  ): Promise<void> {
    const { job: admitted, warnings } = await admit(webhooks, withIdentity(job, namespace));
    const stored = jobs.create({ status: {}, ...admitted });
    api.onCreate(stored);
    const warning = warnings.map((text) => `299 - ${JSON.stringify(text)}`);
    reply(201, stored, warning.length > 0 ? { warning } : {});
  }

  return api;
}

function verbOf(method: string, name: string | undefined, watch: boolean): ApiRequest["verb"] {
  if (method === "POST" && name === undefined) return "create";
  if (method === "DELETE" && name !== undefined) return "delete";
  if (method === "PATCH" && name !== undefined) return "patch";
  if (method === "GET") return name !== undefined ? "get" : watch ? "watch" : "list";
  throw new StatusError(405, "MethodNotAllowed", `the server does not allow ${method} here`);
}

/** Checks the shape that the code relies on. It doesn't look at the rest of a Job. */
function toJob(body: unknown): JobObject {
  const job = body as Partial<JobObject> | undefined;
  if (job?.kind !== "Job" || job.metadata === undefined || !Array.isArray(job.spec?.template.spec.containers))
    throw new StatusError(400, "BadRequest", "the object provided is unrecognized: it isn't a Job");
  return job as JobObject;
}

function toObject(body: unknown): StoredObject {
  const object = body as Partial<StoredObject> | undefined;
  if (object?.metadata === undefined) throw new StatusError(400, "BadRequest", "the object provided is unrecognized");
  return object as StoredObject;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (chunks.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch {
    throw new StatusError(400, "BadRequest", "the object provided is unrecognized: it is not JSON");
  }
}

function answer(
  response: ServerResponse,
  code: number,
  value: unknown,
  headers: Record<string, string | string[]> = {},
): void {
  if (response.headersSent) return;
  response.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

function kubeconfig(server: string, ca: string | undefined): string {
  const trust =
    ca === undefined
      ? { "insecure-skip-tls-verify": true }
      : { "certificate-authority-data": Buffer.from(ca).toString("base64") };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: "default" } }],
    clusters: [{ name: "test", cluster: { server, ...trust } }],
    users: [{ name: "test", user: {} }],
  });
}
