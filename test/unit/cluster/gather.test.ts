import { expect, it } from "vitest";
import type { Cluster } from "../../../src/cluster/options.ts";
import { gather } from "../../../src/cluster/scan/gather.ts";
import { reportText } from "../../../src/cluster/scan/text.ts";
import { Collector } from "../../../src/cluster/scan/collector.ts";
import { makeReport } from "../../../src/cluster/scan/report.ts";
import { createPlanner } from "../../../src/planner/planner.ts";
import { job } from "../../support/cluster/pods.ts";

/** Each namespace has one Job. `denied` are the paths that may not be listed, besides those of the whole cluster. */
function clusterWith(namespaces: readonly string[], denied: RegExp): Cluster {
  const answerTo = (path: string): { code: number; body: object } => {
    const isOfAll = /^\/(apis\/batch\/v1|api\/v1)\/(cronjobs|jobs|pods)\?/.test(path);
    if (isOfAll || denied.test(path)) return { code: 403, body: { message: "forbidden: User may not" } };
    const [, namespace = ""] = /namespaces\/([^/?]+)\/jobs/.exec(path) ?? [];
    const items = path.startsWith("/api/v1/namespaces?")
      ? namespaces.map((name) => ({ metadata: { name } }))
      : namespace === ""
        ? []
        : [{ ...job("build", [{ name: "a" }, { name: "b" }]), metadata: { name: "build", namespace, uid: namespace } }];
    return { code: 200, body: { items, metadata: {} } };
  };
  const request = ({ path }: { readonly path: string }) => {
    const { code, body } = answerTo(path);
    return Promise.resolve({ code, headers: {}, text: () => Promise.resolve(JSON.stringify(body)) });
  };
  const client = { request } as unknown as Cluster["client"];
  return { client, where: "https://api", version: undefined, namespace: undefined, timeoutMs: 1000 };
}

async function scan(cluster: Cluster) {
  const collector = new Collector(createPlanner({}));
  const skipped = await gather(cluster, collector);
  return makeReport(collector, { cluster: cluster.where, namespace: undefined, skipped });
}

it("a namespace in which Pods may not be listed isn't called skipped: only its Pods are", async () => {
  const report = await scan(clusterWith(["ci", "db", "qa"], /namespaces\/(ci\/pods|db\/)/));
  expect(report.totals).toMatchObject({ namespaces: 2, jobs: 2 });
  expect(report.skipped).toEqual([
    { namespace: "ci", kinds: ["Pods"], message: "cannot list Pods in ci: 403 forbidden: User may not" },
    {
      namespace: "db",
      kinds: ["CronJobs", "Jobs", "Pods"],
      message: "cannot list CronJobs in db: 403 forbidden: User may not",
    },
  ]);
  const lines = reportText(report, undefined).split("\n");
  expect(lines.filter((line) => line.startsWith("Skipped"))).toEqual([
    "Skipped the Pods in ci: cannot list Pods in ci: 403 forbidden: User may not",
    "Skipped the namespace db: cannot list CronJobs in db: 403 forbidden: User may not",
  ]);
});

it("a scan that may list nothing anywhere fails", async () => {
  await expect(scan(clusterWith(["ci", "db"], /namespaces\//))).rejects.toThrow(
    "you're not allowed to list Jobs, CronJobs and Pods in any of 2 namespaces",
  );
});
