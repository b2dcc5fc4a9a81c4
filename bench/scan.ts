/** `curfew scan` on a real API server with 10,000 Jobs and Pods, next to kubectl listing the same. */
import path from "node:path";
import type { Report } from "../src/cluster/scan/report.ts";
import { bundle, ROOT } from "../scripts/bundle.ts";
import { request } from "../test/cluster/support/api.ts";
import { fillCluster } from "./lib/full-cluster.ts";
import { benchInCluster, clusterMissing } from "./lib/in-cluster.ts";
import { figureOf, type Bench, type Row } from "./lib/result.ts";
import { runWatched, type Watched } from "./lib/watched-command.ts";

/** As shipped. */
const CLI = path.join(ROOT, "dist/cli.js");
const COUNT = 10_000;

/** What a person would do with kubectl to see the same objects. */
const LISTS = [
  ["get", "cronjobs,jobs", "-A", "-o", "json"],
  ["get", "pods", "-A", "-o", "json"],
] as const;

export const scan: Bench = {
  summary: "on a real API server with 10,000 Jobs and Pods: time and memory of curfew scan",
  async run(options) {
    const { short, long, note } = options;
    if (process.env["KUBECONFIG"] === undefined || short) {
      const missing = short ? "only in full runs" : clusterMissing();
      return missing === undefined
        ? benchInCluster("api", "scan", options)
        : [{ what: "scan of 10,000 Jobs and Pods", skipped: missing }];
    }
    await bundle(true);
    note(`creating ${COUNT} Jobs and Pods`);
    const namespaces = await fillCluster(`scan-${process.pid}`, COUNT);
    try {
      const runs: { readonly curfew: Watched; readonly kubectl: readonly Watched[] }[] = [];
      for (let round = 0; round < (long ? 7 : 3); round += 1) {
        const curfew = await scanOnce();
        const kubectl: Watched[] = [];
        for (const args of LISTS) kubectl.push(await runWatched("kubectl", args));
        runs.push({ curfew, kubectl });
      }
      const row = (what: string, unit: "ms" | "MiB", field: "ms" | "cpuMs" | "peakMiB", atMost?: number): Row => {
        const join = (all: readonly number[]): number =>
          field === "peakMiB" ? Math.max(...all) : all.reduce((sum, each) => sum + each, 0);
        const values = runs.map(({ kubectl }) => join(kubectl.map((each) => each[field])));
        const figure = figureOf(runs.map(({ curfew }) => curfew[field]));
        const baseline = { what: "kubectl get", figure: figureOf(values) };
        return { what, unit, curfew: figure, baseline, ...(atMost === undefined ? {} : { reach: { atMost } }) };
      };
      return [
        row("scan of 10,000 Jobs and Pods", "ms", "ms", 10_000),
        row("its processor time", "ms", "cpuMs"),
        row("its memory, at most", "MiB", "peakMiB", 300),
      ];
    } finally {
      await Promise.all(namespaces.map((name) => request("DELETE", `/api/v1/namespaces/${name}`)));
    }
  },
};

async function scanOnce(): Promise<Watched> {
  const watched = await runWatched(process.execPath, [CLI, "scan", "-A", "-o", "json"], { keep: true });
  const { totals } = JSON.parse(watched.stdout) as Report;
  if (totals.jobs < COUNT || totals.hanging.pods !== COUNT / 2)
    throw new Error(`the scan found ${totals.hanging.pods} of ${COUNT / 2} Pods that hang`);
  return watched;
}
