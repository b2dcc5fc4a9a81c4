/**
 * What a review costs by the size of its Job and by the number of its containers, next to what it
 * costs a bare server.
 */
import { writePlot } from "./lib/plot.ts";
import { compare, figureOf, type Bench, type Row } from "./lib/result.ts";
import { reviewWithJobOf } from "./lib/review.ts";
import { withReviewServers } from "./lib/review-servers.ts";
import { loadInTurn, wrkMissing, type ServerLoad } from "./lib/wrk.ts";

const KIB = 1024;
const SIZES = [4, 64, 128, 256, 512, 1024].map((size) => size * KIB);
const CONTAINERS = [2, 10, 25, 50, 75, 100];
/**
 * All Jobs of the second series are as large as 100 containers need, so only the number of
 * containers differs.
 */
const BYTES_OF_MANY = 32 * KIB;

/** Milliseconds of processor time that a review takes. */
interface Cost {
  readonly curfew: number;
  readonly bare: number;
}

export const scaling: Bench = {
  summary: "what a review costs by the Job's size and number of containers",
  async run({ short, plots, note }) {
    const missing = wrkMissing();
    if (missing !== undefined) throw new Error(missing);
    const timing = short ? { rounds: 1, seconds: 1, warmUpSeconds: 0 } : { rounds: 3, seconds: 2, warmUpSeconds: 2 };

    return withReviewServers(async ({ startCurfew, startBare, answerTo }) => {
      const curfew = await startCurfew();
      const costOf = async (review: string): Promise<Cost> => {
        const bare = await startBare(await answerTo(curfew, review));
        const loads = await loadInTurn({ curfew, bare }, review, { ...timing, connections: 4 });
        await bare.stop();
        return { curfew: cost(loads["curfew"]), bare: cost(loads["bare"]) };
      };
      const series = async (values: readonly number[], reviewFor: (value: number) => string, unit: string) => {
        const points: [number, Cost][] = [];
        for (const value of values) {
          const point = await costOf(reviewFor(value));
          note(`${value} ${unit}: ${point.curfew.toFixed(3)} ms, bare ${point.bare.toFixed(3)} ms`);
          points.push([value, point]);
        }
        return points;
      };
      const pick = (values: readonly number[]): readonly number[] =>
        short ? values.filter((_, index) => index % 2 === 1) : values;
      const bySize = await series(pick(SIZES), (bytes) => reviewWithJobOf(bytes), "bytes");
      const byContainers = await series(
        pick(CONTAINERS),
        (containers) => reviewWithJobOf(BYTES_OF_MANY, containers),
        "containers",
      );
      if (plots !== undefined) {
        writePlot(plots, "job-size", {
          title: "Cost of a review by the Job's size",
          x: "KiB",
          y: "ms",
          lines: linesOf(bySize.map(([bytes, costs]) => [bytes / KIB, costs])),
        });
        writePlot(plots, "containers", {
          title: "Cost of a review by the Job's containers",
          x: "containers",
          y: "ms",
          lines: linesOf(byContainers),
        });
      }
      return [...rowsOf("a Job of 1 MiB", bySize, short), ...rowsOf("a Job of 100 containers", byContainers, short)];
    });
  },
};

function cost(loads: readonly ServerLoad[] | undefined): number {
  return figureOf((loads ?? []).map((load) => load.cpuMillisecondsPerRequest)).median;
}

type Points = readonly (readonly [number, Cost])[];

/**
 * The cost at the end of a series, and whether it grew linearly: the cost of one more byte or
 * container in the upper half, divided by that in the lower half. The bare server's cost
 * doesn't grow linearly either, because of what JSON.parse and TLS do with large inputs. So what
 * counts is the ratio of the two.
 */
function rowsOf(what: string, points: Points, short: boolean): readonly Row[] {
  const first = points[0];
  const middle = points[Math.floor(points.length / 2)];
  const last = points.at(-1);
  if (first === undefined || middle === undefined || last === undefined) return [];
  const growthOf = (server: keyof Cost): number => {
    const slope = ([x1, a]: readonly [number, Cost], [x2, b]: readonly [number, Cost]): number =>
      (b[server] - a[server]) / (x2 - x1);
    return slope(middle, last) / slope(first, middle);
  };
  const row = compare({ what, unit: "ms", ...(short && { reach: { atMost: 4 } }) }, [last[1].curfew], {
    what: "bare node:https",
    values: [last[1].bare],
  });
  // The growth over a few short rounds is mostly noise. What grows faster than it should also shows
  // in the cost.
  if (short) return [row];
  return [
    row,
    compare(
      { what: `${what}: growth in the upper half over the lower`, unit: "times", reach: { atMost: 1.5 } },
      [growthOf("curfew")],
      { what: "bare node:https", values: [growthOf("bare")] },
    ),
  ];
}

function linesOf(points: Points) {
  return [
    { name: "Curfew", points: points.map(([x, { curfew }]) => [x, curfew] as const) },
    { name: "bare node:https", points: points.map(([x, { bare }]) => [x, bare] as const) },
  ];
}
