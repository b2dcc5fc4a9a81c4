/** The least that can create Jobs: keep-alive connections, and JSON that's ready to send. */
import { Agent, request } from "node:https";
import { text as readText } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";

export interface BareJobs {
  /**
   * Creates a Job, which can be JSON already. Resolves to the milliseconds that it took.
   * @throws if the answer isn't 201.
   */
  readonly create: (namespace: string, job: object | string) => Promise<number>;
  /** Creates a Job, and resolves to what the API server says, whatever its status. */
  readonly text: (namespace: string, job: object) => Promise<string>;
  /** How many Jobs there are. */
  readonly count: (namespace: string) => Promise<number>;
  /** Any other request; resolves to the status. */
  readonly send: (method: string, path: string, body?: object) => Promise<number>;
  readonly close: () => void;
}

export async function bareJobs(kubeconfig: string, connections: number): Promise<BareJobs> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const options: Record<string, unknown> = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, headers } = options as {
    ca?: Buffer;
    cert?: Buffer;
    key?: Buffer;
    headers?: Record<string, string>;
  };
  const agent = new Agent({
    keepAlive: true,
    maxSockets: connections,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  });
  const server = config.getCurrentCluster()?.server ?? "";
  const send = (
    method: string,
    path: string,
    body?: object | string,
    onText?: (text: string) => void,
  ): Promise<number> =>
    new Promise((resolve, reject) => {
      const text = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
      const fields = { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers };
      const sent = request(server + path, { method, agent, headers: fields }, (response) => {
        const end = (): void => {
          resolve(response.statusCode ?? 0);
        };
        if (onText === undefined) response.resume().on("end", end);
        else void readText(response).then(onText).then(end, reject);
      });
      sent.on("error", reject).end(text);
    });
  const jobs = (namespace: string): string => `/apis/batch/v1/namespaces/${namespace}/jobs`;
  return {
    send,
    async text(namespace, job) {
      let answer = "";
      await send("POST", jobs(namespace), job, (text) => (answer = text));
      return answer;
    },
    async count(namespace) {
      let answer = "";
      await send("GET", `${jobs(namespace)}?limit=1`, undefined, (text) => (answer = text));
      const { items, metadata } = JSON.parse(answer) as { items: unknown[]; metadata: { remainingItemCount?: number } };
      return items.length + (metadata.remainingItemCount ?? 0);
    },
    async create(namespace, job) {
      const start = performance.now();
      const status = await send("POST", jobs(namespace), job);
      if (status !== 201) throw new Error(`the bare client got ${status}`);
      return performance.now() - start;
    },
    close() {
      agent.destroy();
    },
  };
}
