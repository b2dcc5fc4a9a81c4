/**
 * From the start of the admission process, as shipped, to the line that says it's ready, next to a
 * bare server's.
 */
import { compare, figureOf, type Bench } from "./lib/result.ts";
import { reviewWithJobOf } from "./lib/review.ts";
import { withReviewServers } from "./lib/review-servers.ts";
import type { ServerProcess } from "./lib/server-process.ts";

export const start: Bench = {
  summary: "from the admission process's start to ready",
  run: ({ short }) =>
    withReviewServers(async ({ startCurfew, startBare, answerTo }) => {
      const curfew = await startCurfew();
      const answer = await answerTo(curfew, reviewWithJobOf(1024));
      await curfew.stop();
      const time = async (server: ServerProcess): Promise<number> => {
        await server.stop();
        return server.startMs;
      };
      const times = { curfew: [] as number[], bare: [] as number[] };
      for (let round = 0; round < (short ? 3 : 15); round += 1) {
        times.curfew.push(await time(await startCurfew()));
        times.bare.push(await time(await startBare(answer)));
      }
      const row = { what: "start to ready", unit: "ms" } as const;
      const bare = { what: "bare node:https", values: times.bare };
      if (short) return [compare({ ...row, reach: { atMost: 6 } }, times.curfew, bare)];
      const { baseline } = compare(row, times.curfew, bare);
      return [{ ...row, curfew: figureOf(times.curfew), ...(baseline && { baseline }), reach: { atMost: 200 } }];
    }),
};
