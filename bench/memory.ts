/**
 * The admission process's memory, at rest and over many reviews, next to a bare server's under the
 * same load.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { writePlot, type Line } from "./lib/plot.ts";
import { figureOf, type Bench, type MeasuredRow } from "./lib/result.ts";
import { reviewWithJobOf } from "./lib/review.ts";
import { withReviewServers } from "./lib/review-servers.ts";
import type { ServerProcess } from "./lib/server-process.ts";
import { postWithWrk, wrkMissing } from "./lib/wrk.ts";

const JOB_BYTES = 4096;
const MANY = 200_000;
const VERY_MANY = 1_000_000;

export const memory: Bench = {
  summary: "the admission process's memory at rest and after 200,000 reviews, or a million with --long",
  async run({ short, long, plots, note }) {
    const missing = wrkMissing();
    if (missing !== undefined) throw new Error(missing);
    const reviews = long ? VERY_MANY : short ? MANY / 20 : MANY;

    return withReviewServers(async ({ startCurfew, startBare, answerTo }) => {
      const review = reviewWithJobOf(JOB_BYTES);
      const curfew = await startCurfew();
      await sleep(2000);
      const atRest = await curfew.residentMiB();
      const bare = await startBare(await answerTo(curfew, review));
      await sleep(2000);
      const bareAtRest = await bare.residentMiB();
      const curves = { curfew: [[0, atRest]] as [number, number][], bare: [[0, bareAtRest]] as [number, number][] };
      const load = async (server: ServerProcess, curve: [number, number][]): Promise<void> => {
        for (let done = 0; done < reviews;) {
          done += (await postWithWrk(server.port, review, 16, 1)).requests;
          curve.push([done, await server.residentMiB()]);
        }
      };
      await load(curfew, curves.curfew);
      note("Curfew is done, now the bare server");
      await load(bare, curves.bare);

      const row = (what: string, at: (curve: [number, number][]) => number, atMost: number): MeasuredRow => ({
        what,
        unit: "MiB",
        curfew: figureOf([at(curves.curfew)]),
        baseline: { what: "bare node:https", figure: figureOf([at(curves.bare)]) },
        reach: { atMost },
      });
      const after = (count: number) => (curve: [number, number][]) =>
        curve.find(([done]) => done >= count)?.[1] ?? Number.NaN;
      const rows = [row("memory at rest", (curve) => curve[0]?.[1] ?? Number.NaN, short ? 100 : 65)];
      const counts = long ? [MANY, VERY_MANY] : [reviews];
      for (const count of counts) {
        rows.push(row(`after ${count.toLocaleString("en")} reviews`, after(count), short ? 200 : 100));
      }
      if (plots !== undefined) {
        const lines: Line[] = [
          { name: "Curfew", points: curves.curfew },
          { name: "bare node:https", points: curves.bare },
        ];
        writePlot(plots, "memory", { title: "Resident memory", x: "reviews", y: "MiB", lines });
      }
      return rows;
    });
  },
};
