/**
 * Counts how often the API server calls each entry of Curfew's webhooks, and for which object. A
 * server stands between the two: each entry gets an address of its own there, and each call goes on
 * to Curfew.
 */
import https from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";
import { create } from "./api.ts";
import { job, script } from "./manifests.ts";
import { until } from "./until.ts";
import { pointWebhooks } from "./webhooks.ts";

/** What the API server has called so far. */
export interface CountedCalls {
  /**
   * The entries that were called for an object, in order, without `.curfew.sh`. For an object whose
   * name is generated, `name` is the part before the last dash, such as a Job's for its Pods.
   */
  readonly of: (kind: "Job" | "CronJob" | "Pod", namespace: string, name: string) => readonly string[];
  /** Removes the server from between the two. */
  readonly stop: () => Promise<void>;
}

interface Review {
  readonly request: {
    readonly kind: { readonly kind: string };
    readonly namespace: string;
    readonly name?: string;
    readonly object: { readonly metadata: { readonly name?: string; readonly generateName?: string } } | null;
  };
}

/** Starts to count. Resolves once the API server calls the server that does. */
export async function countCalls(): Promise<CountedCalls> {
  const calls = new Map<string, string[]>();
  const note = (entry: string, { request: { kind, namespace, name, object } }: Review): void => {
    const { name: own = name, generateName } = object?.metadata ?? {};
    const key = `${kind.kind} ${namespace}/${own || (generateName ?? "").replace(/-$/, "")}`;
    calls.set(key, [...(calls.get(key) ?? []), entry]);
  };

  const authority = createTestAuthority();
  const curfew = new Map<string, { readonly url: string; readonly ca: string }>();
  const forward = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, search } = new URL(incoming.url ?? "", "https://localhost");
    const [, entry = ""] = pathname.split("/");
    const body = await buffer(incoming);
    note(entry, JSON.parse(body.toString()) as Review);
    const { url = "", ca } = curfew.get(entry) ?? {};
    const headers = { "content-type": "application/json", "content-length": body.length };
    const sent = https.request(url + search, { method: "POST", ca, headers }, (answer) => {
      void text(answer).then((said) => response.writeHead(answer.statusCode ?? 500, answer.headers).end(said));
    });
    sent.on("error", () => response.destroy());
    sent.end(body);
  };
  const server = https.createServer(authority.issue(), (incoming, response) => {
    forward(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  const putBack = await pointWebhooks(({ name, clientConfig: { url = "", caBundle = "" } }) => {
    const entry = name.replace(/\.curfew\.sh$/, "");
    curfew.set(entry, { url, ca: Buffer.from(caBundle, "base64").toString() });
    return { url: `https://127.0.0.1:${port}/${entry}`, caBundle: Buffer.from(authority.ca).toString("base64") };
  });
  const of: CountedCalls["of"] = (kind, namespace, name) => calls.get(`${kind} ${namespace}/${name}`) ?? [];
  /** Whether the API server calls this server for a labelled Job now. */
  const isCounting = async (): Promise<boolean> => {
    const before = of("Job", "default", "counted").length;
    await create("default", job("counted", [script("main", "true")]), "?dryRun=All");
    return of("Job", "default", "counted").length > before;
  };
  await until("the API server's calls are counted", isCounting);
  return {
    of,
    async stop() {
      await putBack();
      await until("the API server's calls are no longer counted", async () => !(await isCounting()));
      server.closeAllConnections();
      server.close();
    },
  };
}
