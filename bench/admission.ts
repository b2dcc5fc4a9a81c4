/**
 * Reviews on one core: Curfew next to the least that a webhook in Node can do, and next to what
 * webhooks in Go do.
 */
import { compare, type Bench, type Row, type Series } from "./lib/result.ts";
import { reviewWithJobOf } from "./lib/review.ts";
import { withReviewServers, type GoMode } from "./lib/review-servers.ts";
import type { ServerProcess } from "./lib/server-process.ts";
import { loadInTurn, wrkMissing, type ServerLoad } from "./lib/wrk.ts";

const JOB_BYTES = 4096;

const GO_BASELINES: Readonly<Record<GoMode, { readonly what: string; readonly atLeast: number }>> = {
  diff: { what: "Go, map and diff", atLeast: 2.5 },
  metadata: { what: "Go, metadata only", atLeast: 1 },
};

export const admission: Bench = {
  summary: "reviews per second on one core and their latency, next to a bare node:https server and two in Go",
  async run({ short, note }) {
    const missing = wrkMissing();
    if (missing !== undefined) throw new Error(missing);
    const timing = short ? { rounds: 3, seconds: 1, warmUpSeconds: 1 } : { rounds: 7, seconds: 3, warmUpSeconds: 8 };

    return withReviewServers(async ({ startCurfew, startBare, startGo, answerTo }) => {
      const review = reviewWithJobOf(JOB_BYTES);
      const curfew = await startCurfew();
      const answer = await answerTo(curfew, review);
      note(`a review of ${review.length} bytes, an answer of ${answer.length}`);
      const servers: Record<string, ServerProcess> = { curfew, bare: await startBare(answer) };
      for (const mode of ["diff", "metadata"] as const) {
        const server = short ? undefined : await startGo(mode, answer);
        if (server !== undefined) servers[mode] = server;
      }

      note(`${timing.rounds} rounds with 16 connections: ${Object.keys(servers).join(", ")}`);
      const sixteen = await loadInTurn(servers, review, { ...timing, connections: 16 });
      note(`${timing.rounds} rounds with 1 connection`);
      const pair = { curfew, bare: servers["bare"] ?? curfew };
      const one = await loadInTurn(pair, review, { ...timing, connections: 1 });

      const rates = (server: string): readonly number[] => valuesOf(sixteen[server], "requestsPerSecond");
      const bare = (values: readonly number[]): Series => ({ what: "bare node:https", values });
      const cpu = compare(
        { what: "processor time of a review", unit: "ms", ...(short && { reach: { atMost: 5 } }) },
        valuesOf(sixteen["curfew"], "cpuMillisecondsPerRequest"),
        bare(valuesOf(sixteen["bare"], "cpuMillisecondsPerRequest")),
      );
      const p50 = compare(
        { what: "p50, 1 connection", unit: "ms", reach: { atMost: short ? 4 : 1.3 } },
        valuesOf(one["curfew"], "p50Ms"),
        bare(valuesOf(one["bare"], "p50Ms")),
      );
      // The rest depends on what else the machine does.
      if (short) return [cpu, p50];

      const what = "reviews, 16 connections";
      const goRows = Object.entries(GO_BASELINES).map(([mode, baseline]): Row => {
        if (sixteen[mode] === undefined) return { what, skipped: `${baseline.what}: Go isn't installed` };
        const row = { what, unit: "req/s", reach: { atLeast: baseline.atLeast } } as const;
        return compare(row, rates("curfew"), { what: baseline.what, values: rates(mode) });
      });
      return [
        compare({ what, unit: "req/s", reach: { atLeast: 0.85 } }, rates("curfew"), bare(rates("bare"))),
        ...goRows,
        cpu,
        compare(
          { what: "p99, 16 connections", unit: "ms", reach: { atMost: 2.5 } },
          valuesOf(sixteen["curfew"], "p99Ms"),
          bare(valuesOf(sixteen["bare"], "p99Ms")),
        ),
        p50,
      ];
    });
  },
};

function valuesOf(loads: readonly ServerLoad[] | undefined, key: keyof ServerLoad): readonly number[] {
  return (loads ?? []).map((load) => load[key]);
}
