/**
 * A bare client of the API server: JSON in, JSON out, so that unknown fields survive and answers
 * can be compared whole.
 */
import { readFileSync } from "node:fs";
import https from "node:https";
import { parse } from "yaml";

/** A Kubernetes object as JSON. */
export interface KubernetesObject {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string } & Record<string, unknown>;
  [field: string]: unknown;
}

/** An answer of the API server; `warnings` are the texts of its Warning headers. */
export interface Answer<T = KubernetesObject> {
  readonly status: number;
  readonly body: T & { readonly message?: string };
  readonly warnings: readonly string[];
}

interface Kubeconfig {
  readonly clusters: readonly { cluster: { server: string; "certificate-authority-data"?: string } }[];
  readonly users: readonly {
    user: { "client-certificate-data"?: string; "client-key-data"?: string; token?: string };
  }[];
}

const decode = (base64: string | undefined): Buffer | undefined =>
  base64 === undefined ? undefined : Buffer.from(base64, "base64");

let connection: { server: string; agent: https.Agent; headers: Record<string, string> } | undefined;

/**
 * The connection that KUBECONFIG's first cluster and user describe (kubeadm's, kind's and k3d's
 * have one of each).
 */
export function connect(): NonNullable<typeof connection> {
  if (connection !== undefined) return connection;
  const file = process.env["KUBECONFIG"];
  if (file === undefined) throw new Error("KUBECONFIG is not set: run these tests with npm run test:cluster");
  const { clusters, users } = parse(readFileSync(file, "utf8")) as Kubeconfig;
  const cluster = clusters[0]?.cluster;
  const user = users[0]?.user;
  if (cluster === undefined || user === undefined) throw new Error(`${file} names no cluster or no user`);
  const agent = new https.Agent({
    keepAlive: true,
    ca: decode(cluster["certificate-authority-data"]),
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  });
  const headers = user.token === undefined ? {} : { authorization: `Bearer ${user.token}` };
  connection = { server: cluster.server, agent, headers };
  return connection;
}

/** Sends one request; any HTTP status is an answer. */
export async function request<T = KubernetesObject>(
  method: string,
  path: string,
  body?: unknown,
  type = "application/json",
): Promise<Answer<T>> {
  const { server, agent, headers } = connect();
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return await new Promise((resolve, reject) => {
    const sent = https.request(
      `${server}${path}`,
      { method, agent, headers: { ...headers, "content-type": type, accept: "application/json" } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const json = response.headers["content-type"]?.startsWith("application/json") ?? false;
          resolve({
            status: response.statusCode ?? 0,
            body: (json ? JSON.parse(text) : { message: text }) as Answer<T>["body"],
            warnings: (response.headersDistinct["warning"] ?? []).map(warningText),
          });
        });
      },
    );
    sent.on("error", reject);
    sent.end(payload);
  });
}

/**
 * `299 - "text"` without its wrapping (RFC 7234, section 5.5; the API server escapes quotes and
 * backslashes).
 */
function warningText(header: string): string {
  return header.replace(/^299 - "(.*)"$/, "$1").replaceAll(/\\(["\\])/g, "$1");
}

const FOLDERS: Readonly<Record<string, string>> = {
  Job: "/apis/batch/v1",
  CronJob: "/apis/batch/v1",
  Pod: "/api/v1",
  Secret: "/api/v1",
  Event: "/api/v1",
};

/** Where objects of a kind are: `/apis/batch/v1/namespaces/default/jobs`. */
export function pathOf(kind: string, namespace: string, name = ""): string {
  const folder = FOLDERS[kind];
  if (folder === undefined) throw new Error(`no path is known for the kind ${kind}`);
  return `${folder}/namespaces/${namespace}/${kind.toLowerCase()}s${name === "" ? "" : `/${name}`}`;
}

/** Creates a Job, CronJob or Pod, and returns the answer. `query` is `?dryRun=All`, for example. */
export async function create(namespace: string, object: object, query = ""): Promise<Answer> {
  const { kind = "" } = object as { kind?: string };
  return request("POST", `${pathOf(kind, namespace)}${query}`, object);
}

/** The answer's object. Throws the API server's message if there's none. */
export function accepted<T>(answer: Answer<T>): T {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.body.message ?? ""}`);
  return answer.body;
}
