/**
 * What a webhook adds to the creation of a Job on a real API server: Curfew, a webhook that answers
 * with a constant, and none, in turn.
 */
import { readFileSync } from "node:fs";
import { ENABLED } from "../../test/cluster/support/manifests.ts";
import { until } from "../../test/cluster/support/until.ts";
import { bareJobs, type BareJobs } from "./bare-jobs.ts";
import { figureOf, percentile, type MeasuredRow, type Row } from "./result.ts";
import { jobOf } from "./review.ts";

const JOB_BYTES = 4096;
/** The label that sends a Job to the bare webhook. */
export const BARE_LABEL = "bench.curfew.sh/bare";

const LABELS = { none: {}, bare: { [BARE_LABEL]: "true" }, curfew: ENABLED } as const;
type Kind = keyof typeof LABELS;
const KINDS = Object.keys(LABELS) as Kind[];

/** No controller acts on these Jobs (KEP-4368), so their creation is all that happens. */
function jobNamed(name: string, kind: Kind): object {
  const { spec } = jobOf(JOB_BYTES);
  const metadata = { name, labels: LABELS[kind] };
  return { apiVersion: "batch/v1", kind: "Job", metadata, spec: { ...spec, managedBy: "bench.curfew.sh/nobody" } };
}

export async function measureJobCreation(
  namespace: string,
  kubeconfig: string,
  { rounds, jobs }: { readonly rounds: number; readonly jobs: number },
): Promise<readonly Row[]> {
  const client = await bareJobs(readFileSync(kubeconfig, "utf8"), 1);
  try {
    await untilCalled(client, namespace);
    let count = 0;
    const round = async (): Promise<Record<Kind, number[]>> => {
      const times: Record<Kind, number[]> = { none: [], bare: [], curfew: [] };
      for (let done = 0; done < jobs; done++) {
        for (const kind of KINDS) times[kind].push(await client.create(namespace, jobNamed(`job-${++count}`, kind)));
      }
      return times;
    };
    await round();
    const results: Record<Kind, number[]>[] = [];
    for (let done = 0; done < rounds; done++) results.push(await round());

    const rowOf = (share: number): MeasuredRow => {
      const added = (kind: Kind): number[] =>
        results.map((times) => percentile(times[kind], share) - percentile(times.none, share));
      const [curfew, bare] = [figureOf(added("curfew")), figureOf(added("bare"))];
      return {
        what: `added to a Job's creation, p${share * 100}`,
        unit: "ms",
        curfew,
        baseline: { what: "bare webhook", figure: bare },
        ratio: figureOf([curfew.median / bare.median]),
        reach: { atMost: 1.2 },
      };
    };
    const without = results.map(({ none }) => percentile(none, 0.5));
    return [
      { what: "a Job's creation without a webhook, p50", unit: "ms", curfew: figureOf(without) },
      rowOf(0.5),
      rowOf(0.99),
    ];
  } finally {
    client.close();
  }
}

/** The API server takes a moment to see new webhooks. */
async function untilCalled(client: BareJobs, namespace: string): Promise<void> {
  let count = 0;
  for (const kind of ["bare", "curfew"] as const) {
    await until(`the API server calls the webhook of ${kind}`, async () => {
      const text = await client.text(namespace, jobNamed(`trial-${kind}-${++count}`, kind));
      if (text.includes('"status":"Failure"')) throw new Error(text);
      return text.includes('"curfew.sh/injected"');
    });
  }
}
