/**
 * From main's exit to its sidecar's exit on a real kubelet: with the hack of 2020, with a native
 * sidecar, and with Curfew's trap.
 */
import { accepted, request } from "../../test/cluster/support/api.ts";
import { createJob, statusOf, untilEnded } from "../../test/cluster/support/jobs.ts";
import { job, script } from "../../test/cluster/support/manifests.ts";
import { randomFrom } from "../../test/support/random.ts";
import { until } from "../../test/cluster/support/until.ts";
import { listenForExits } from "./containerd-exits.ts";
import { figureOf, percentile, type Row } from "./result.ts";

/**
 * How many in each round. Each of their mains ends at another moment. There are over a hundred in
 * all, so that the p99 isn't just the worst one.
 */
const TRAPS = 8;

/** A sidecar that ends as soon as it's told to. */
const DAEMON = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

/**
 * The Jobs of a round. All are created at once, so each main ends `seconds` after about the same
 * moment, and apart from the others.
 */
function jobsOfRound(round: number) {
  const moment = randomFrom(round);
  const main = (seconds: number, more: object = {}) => script("main", `sleep ${seconds.toFixed(2)}`, more);
  const hackMount = { volumeMounts: [{ name: "tmp-pod", mountPath: "/usr/share/pod" }] };
  // https://carlosbecker.com/posts/k8s-sidecar-shutdown. Its loop looks every 5 s, so main ends
  // anywhere within those.
  const hackMain = `trap 'touch /usr/share/pod/done' EXIT; sleep ${(2.2 + moment() * 5).toFixed(2)}`;
  const hackSidecar = `(${DAEMON}) & while ! test -f /usr/share/pod/done; do sleep 5; done; exit 0`;
  const name = (kind: string): string => `${kind}-${round}`;
  const byHand = { labels: {} };
  return {
    hack: [
      job(name("hack"), [script("main", hackMain, hackMount), script("sidecar", hackSidecar, hackMount)], {
        ...byHand,
        pod: { volumes: [{ name: "tmp-pod", emptyDir: {} }] },
      }),
    ],
    native: [
      job(name("native"), [main(2)], {
        ...byHand,
        pod: { initContainers: [script("sidecar", DAEMON, { restartPolicy: "Always" })] },
      }),
    ],
    trap: Array.from({ length: TRAPS }, (_, index) =>
      job(`trap-${round}-${index}`, [main(2.5 + index / 2), script("sidecar", DAEMON)], {
        annotations: { "curfew.sh/main": "main", "curfew.sh/strategy": "trap" },
      }),
    ),
  };
}

/** Runs the rounds in `namespace`, where Curfew's webhook patches labelled Jobs. */
export async function measureSidecarEnds(
  namespace: string,
  containerdSocket: string,
  { rounds, note }: { readonly rounds: number; readonly note: (text: string) => void },
): Promise<readonly Row[]> {
  const exits = listenForExits(containerdSocket);
  const delays = { hack: [] as number[], native: [] as number[], trap: [] as number[] };
  const kinds = ["hack", "native", "trap"] as const;
  try {
    // The first round only warms up.
    for (let round = 0; round <= rounds; round++) {
      const jobs = jobsOfRound(round);
      const measured = await Promise.all(
        kinds.flatMap((kind) => jobs[kind].map(async (one) => ({ kind, delay: await delayOf(one) }))),
      );
      if (round === 0) continue;
      for (const { kind, delay } of measured) delays[kind].push(delay);
      const text = measured.map(({ kind, delay }) => `${kind} ${delay.toFixed(1)}`).join(", ");
      note(`round ${round} of ${rounds}: ${text} ms`);
    }
  } finally {
    exits.close();
  }
  const what = "main's exit to the sidecar's";
  const baseline = (name: string, values: readonly number[]) => ({ what: name, figure: figureOf(values) });
  const p99 = percentile(delays.trap, 0.99);
  return [
    { what, unit: "ms", curfew: figureOf(delays.trap), baseline: baseline("hack of 2020", delays.hack) },
    { what, unit: "ms", curfew: figureOf(delays.trap), baseline: baseline("native sidecar", delays.native) },
    {
      what: `main's exit to the sidecar's, p99 of ${delays.trap.length} Jobs`,
      unit: "ms",
      curfew: figureOf([p99]),
      reach: { atMost: 30 },
    },
  ];

  async function delayOf(manifest: ReturnType<typeof job>): Promise<number> {
    const { name } = manifest.metadata;
    await createJob(namespace, manifest);
    const { pod } = await untilEnded(namespace, name);
    const [main, sidecar] = ["main", "sidecar"].map((container) => statusOf(pod, container)?.containerID ?? "");
    const delay = await until(`containerd reports the end of ${name}`, () => {
      const [first, second] = [exits.of(main ?? ""), exits.of(sidecar ?? "")];
      return Promise.resolve(first === undefined || second === undefined ? undefined : second - first);
    });
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${name}?propagationPolicy=Background`;
    accepted(await request("DELETE", path));
    return delay;
  }
}
