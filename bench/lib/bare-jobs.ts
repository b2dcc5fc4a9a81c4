/** The least that creates Jobs: keep-alive connections and JSON that is ready to be sent. */
import { Agent, request } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";

export interface BareJobs {
  /** Milliseconds that one creation took. @throws where the answer is not 201. */
  readonly create: (namespace: string, job: object) => Promise<number>;
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
  const send = (method: string, path: string, body?: object): Promise<number> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? "" : JSON.stringify(body);
      const fields = { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers };
      const sent = request(server + path, { method, agent, headers: fields }, (response) => {
        response.resume().on("end", () => {
          resolve(response.statusCode ?? 0);
        });
      });
      sent.on("error", reject).end(text);
    });
  return {
    send,
    async create(namespace, job) {
      const start = performance.now();
      const status = await send("POST", `/apis/batch/v1/namespaces/${namespace}/jobs`, job);
      if (status !== 201) throw new Error(`the bare client got ${status}`);
      return performance.now() - start;
    },
    close() {
      agent.destroy();
    },
  };
}
