/**
 * On a real API server: what Curfew's webhook entries and policies cost Jobs and Pods that aren't
 * opted in, while Curfew is up, down, or hangs; what each way to opt in costs; and the calls of a
 * Job. No controller acts on the measured Jobs (KEP-4368), and no scheduler on the Pods.
 */
import { readFileSync } from "node:fs";
import { accepted, create, pathOf, request, type Answer } from "../test/cluster/support/api.ts";
import { getJob, podsOf, type Job, type Pod } from "../test/cluster/support/jobs.ts";
import { ENABLED, job, politeSidecar, script } from "../test/cluster/support/manifests.ts";
import { until } from "../test/cluster/support/until.ts";
import { bareJobs, type BareJobs } from "./lib/bare-jobs.ts";
import { benchInCluster, clusterMissing } from "./lib/in-cluster.ts";
import { compare, figureOf, percentile, type Bench, type Row } from "./lib/result.ts";
import { jobOf } from "./lib/review.ts";
import { withReviewServers } from "./lib/review-servers.ts";
import { shippedConfiguration } from "./lib/shipped-configuration.ts";
import { createNamespace } from "./lib/namespace.ts";

const JOB_BYTES = 4096;
/** How long an API server waits for Curfew's answer (manifests/base/webhooks.yaml). */
const TIMEOUT_MS = 5000;

/** What is created, by what it's called in the rows. */
const PLAIN = ["create Job, not opted in", "create Pod, not opted in"] as const;
/**
 * The same in a namespace that Curfew's entries and policies don't see. These are created in turn
 * with those above, so that both meet the same disturbances.
 */
const UNSEEN = ["create Job, excluded namespace", "create Pod, excluded namespace"] as const;
const OPTED_IN = [
  "create Job, opted in by label",
  "create Job, opted in by annotation",
  "create Job, opted in by namespace",
  "create Pod, opted in by label",
  "create Pod of a planned Job",
  "create Pod of a planned Job, container added",
] as const;
type Kind = (typeof PLAIN)[number] | (typeof UNSEEN)[number] | (typeof OPTED_IN)[number];
const BOTH = [...PLAIN, ...UNSEEN];
/** Those for which the API server waits for Curfew, though it could do without. */
const WAIT = ["create Job, opted in by namespace", "create Pod of a planned Job, container added"] as const;
/** Milliseconds. */
type Times = Record<Kind, number[]>;

/** Whether the API server has Curfew's configuration, and what Curfew does. */
type State = "without" | "up" | "down" | "hangs";

export const optIn: Bench = {
  summary: "on a real API server: what Curfew costs Jobs and Pods that are opted in, and those that aren't",
  async run(options) {
    const { short, long, note } = options;
    const kubeconfig = process.env["KUBECONFIG"];
    if (kubeconfig === undefined || short) {
      const missing = short ? "only in full runs" : clusterMissing();
      return missing === undefined
        ? benchInCluster("api", "opt-in", options)
        : [{ what: "creation of Jobs and Pods, opted in or not", skipped: missing }];
    }
    const [rounds, count] = long ? [15, 300] : [7, 100];
    const namespaces = namespacesOf(process.pid);
    await createNamespace(namespaces.other);
    await createNamespace(namespaces.optedIn, ENABLED);
    await createNamespace(namespaces.excluded, { "curfew.sh/excluded": "true" });
    const client = await bareJobs(readFileSync(kubeconfig, "utf8"), 1);
    try {
      return await withReviewServers(async ({ ca, startCurfew }) => {
        const curfew = await startCurfew();
        const configuration = await shippedConfiguration({ port: curfew.port, ca });
        await configuration.add();
        const send = sender(client, namespaces, await plannedTemplate(namespaces.other));
        const conditions = { seconds: 0, evaluations: 0 };
        /** Each in turn, so that what disturbs one disturbs all. */
        const inTurn = async <K extends Kind>(kinds: readonly K[], times = count): Promise<Record<K, number[]>> => {
          const all = Object.fromEntries(kinds.map((kind) => [kind, [] as number[]])) as Record<K, number[]>;
          for (let done = 0; done < times; done++) for (const kind of kinds) all[kind].push(await send(kind));
          return all;
        };
        const round = async (): Promise<Round> => {
          const up = await counted(conditions, () => inTurn(BOTH));
          const optedIn = await inTurn(OPTED_IN);
          await configuration.pointTo("nowhere");
          const down = await inTurn(BOTH);
          const unpatched = await inTurn(["create Job, opted in by namespace"]);
          await configuration.pointTo("curfew");
          curfew.signal("SIGSTOP");
          const hangs = await inTurn(BOTH);
          const waits = await inTurn(WAIT, 1);
          curfew.signal("SIGCONT");
          await configuration.remove();
          const without = await inTurn(BOTH);
          await configuration.add();
          return { plain: { without, up, down, hangs }, optedIn, unpatched, waits };
        };
        note("warming up");
        await round();
        Object.assign(conditions, { seconds: 0, evaluations: 0 });
        const results: Round[] = [];
        for (let done = 1; done <= rounds; done++) {
          results.push(await round());
          note(`round ${done} of ${rounds}: ${count} of each`);
        }
        const calls = await callsOfEach(namespaces);
        await configuration.remove();
        return [...rowsOf(results), conditionRow(conditions), ...calls];
      });
    } finally {
      client.close();
      for (const namespace of Object.values(namespaces)) await request("DELETE", `/api/v1/namespaces/${namespace}`);
    }
  },
};

interface Namespaces {
  readonly other: string;
  readonly optedIn: string;
  readonly excluded: string;
}

const namespacesOf = (id: number): Namespaces => ({
  other: `bench-${id}`,
  optedIn: `bench-opted-in-${id}`,
  excluded: `bench-excluded-${id}`,
});

interface Round {
  readonly plain: Record<State, Pick<Times, (typeof BOTH)[number]>>;
  readonly optedIn: Pick<Times, (typeof OPTED_IN)[number]>;
  /** With Curfew down. */
  readonly unpatched: Pick<Times, "create Job, opted in by namespace">;
  /** With a Curfew that hangs. */
  readonly waits: Pick<Times, (typeof WAIT)[number]>;
}

function rowsOf(rounds: readonly Round[]): Row[] {
  const p50 = (values: readonly number[]): number => percentile(values, 0.5);
  const [ofJob, ofPod] = PLAIN;
  const plain = (kind: (typeof BOTH)[number], state: State, share: number): number[] =>
    rounds.map((round) => percentile(round.plain[state][kind], share));
  const rows: Row[] = [];
  for (const [index, kind] of PLAIN.entries()) {
    const unseen = UNSEEN[index] ?? UNSEEN[0];
    const row = (state: State, share: number, reach?: { readonly atMost: number }) => {
      const what = `${kind}, p${share * 100}: ${state === "without" ? "no configuration" : `Curfew ${state}`}`;
      const baseline = { what: "excluded namespace", values: plain(unseen, state, share) };
      rows.push(compare({ what, unit: "ms", ...(reach && { reach }) }, plain(kind, state, share), baseline));
    };
    for (const state of ["without", "up", "down", "hangs"] as const)
      row(state, 0.5, state === "without" ? undefined : { atMost: 1.05 });
    row("up", 0.99);
    const without = { what: "API server without Curfew", values: plain(kind, "without", 0.5) };
    rows.push(compare({ what: `${kind}, p50: Curfew up`, unit: "ms" }, plain(kind, "up", 0.5), without));
  }
  for (const kind of OPTED_IN) {
    const of = kind.startsWith("create Job") ? ofJob : ofPod;
    const values = rounds.map(({ optedIn }) => p50(optedIn[kind]));
    rows.push(
      compare({ what: `${kind}, p50`, unit: "ms" }, values, { what: "not opted in", values: plain(of, "up", 0.5) }),
    );
  }
  const byNamespace = "create Job, opted in by namespace";
  const unpatched = rounds.map((round) => p50(round.unpatched[byNamespace]));
  rows.push(
    compare({ what: `${byNamespace}, p50: Curfew down`, unit: "ms" }, unpatched, {
      what: "not opted in",
      values: plain(ofJob, "down", 0.5),
    }),
  );
  for (const kind of WAIT) {
    const figure = figureOf(rounds.flatMap(({ waits }) => waits[kind]));
    rows.push({ what: `${kind}: Curfew hangs`, unit: "ms", curfew: figure, reach: { atMost: TIMEOUT_MS * 1.2 } });
  }
  return rows;
}

/** Creates one of a kind, and resolves to the milliseconds that it took. @throws if it isn't created. */
function sender(client: BareJobs, namespaces: Namespaces, planned: PodTemplate): (kind: Kind) => Promise<number> {
  const { spec } = jobOf(JOB_BYTES);
  const plainJob = (metadata: object) => ({
    ...{ apiVersion: "batch/v1", kind: "Job", metadata },
    spec: { ...spec, managedBy: "bench.curfew.sh/nobody" },
  });
  const plainPod = (metadata: object, template: PodTemplate) => ({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { ...template.metadata, ...metadata } },
    spec: template.spec,
  });
  let number = 0;
  const object = (kind: Kind, name: string): object => {
    switch (kind) {
      case "create Job, not opted in":
      case "create Job, excluded namespace":
      case "create Job, opted in by namespace":
        return plainJob({ name });
      case "create Job, opted in by label":
        return plainJob({ name, labels: ENABLED });
      case "create Job, opted in by annotation":
        return plainJob({ name, annotations: ENABLED });
      case "create Pod, not opted in":
      case "create Pod, excluded namespace":
        return plainPod({ name }, spec.template);
      case "create Pod, opted in by label":
        return plainPod({ name, labels: ENABLED }, spec.template);
      case "create Pod of a planned Job":
        return plainPod({ name }, planned);
      case "create Pod of a planned Job, container added": {
        const containers = [...planned.spec.containers, { name: "vault-agent", image: "hashicorp/vault:1.20" }];
        return plainPod({ name }, { ...planned, spec: { ...planned.spec, containers } });
      }
    }
  };
  const namespaceFor = (kind: Kind): string => {
    if (kind.endsWith("excluded namespace")) return namespaces.excluded;
    return kind.endsWith("by namespace") ? namespaces.optedIn : namespaces.other;
  };
  return async (kind) => {
    const namespace = namespaceFor(kind);
    const body = object(kind, `bench-${++number}`);
    const path = pathOf(kind.startsWith("create Job") ? "Job" : "Pod", namespace);
    const start = performance.now();
    const status = await client.send("POST", path, body);
    const ms = performance.now() - start;
    if (status !== 201) throw new Error(`${kind}: ${status}`);
    return ms;
  };
}

interface PodTemplate {
  readonly metadata: object;
  readonly spec: { readonly containers: readonly object[] };
}

/** The Pod template of the bench's Job, as Curfew leaves it. */
async function plannedTemplate(namespace: string): Promise<PodTemplate> {
  const { spec } = jobOf(JOB_BYTES);
  const manifest = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "planned", labels: ENABLED }, spec };
  const created = accepted((await create(namespace, manifest, "?dryRun=All")) as unknown as Answer<Job>);
  const { metadata, spec: podSpec } = created.spec.template;
  const { labels, annotations } = metadata as { labels: Record<string, string>; annotations: object };
  // The Job controller would look for the Job.
  const own = Object.entries(labels).filter(([key]) => !/controller-uid$|job-name$/.test(key));
  return { metadata: { labels: Object.fromEntries(own), annotations }, spec: podSpec };
}

/** Sums of the API server's metrics whose line starts with `name{`, and has all of `labels`. */
async function metric(name: string, ...labels: readonly string[]): Promise<number> {
  const { body } = await request<{ message: string }>("GET", "/metrics");
  return body.message
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

const CONDITIONS = "apiserver_admission_match_condition_evaluation_seconds";

interface Conditions {
  seconds: number;
  evaluations: number;
}

/** Adds to `conditions` what the evaluation of webhooks' matchConditions takes while `act` runs. */
async function counted<T>(conditions: Conditions, act: () => Promise<T>): Promise<T> {
  const look = async (): Promise<Conditions> => ({
    seconds: await metric(`${CONDITIONS}_sum`, 'kind="webhook"'),
    evaluations: await metric(`${CONDITIONS}_count`, 'kind="webhook"'),
  });
  const before = await look();
  const result = await act();
  const after = await look();
  conditions.seconds += after.seconds - before.seconds;
  conditions.evaluations += after.evaluations - before.evaluations;
  return result;
}

function conditionRow({ seconds, evaluations }: Conditions): Row {
  const what = `an evaluation of an entry's matchConditions, of ${evaluations}`;
  return { what, unit: "ms", curfew: figureOf([(seconds / evaluations) * 1000]) };
}

/** How often the API server calls Curfew from a Job's creation to its end, with one Pod. */
async function callsOfEach({ other, optedIn }: Namespaces): Promise<Row[]> {
  const containers = [script("main", "true"), politeSidecar("proxy")];
  const ways = {
    "opted in by label": [other, job("by-label", containers)],
    "opted in by annotation": [other, job("by-annotation", containers, { labels: {}, annotations: ENABLED })],
    "opted in by namespace": [optedIn, job("by-namespace", containers, { labels: {} })],
    "not opted in": [other, job("not", containers, { labels: {} })],
  } as const;
  const rows: Row[] = [];
  for (const [way, [namespace, manifest]] of Object.entries(ways)) {
    const before = await calls();
    await runToEnd(namespace, manifest);
    rows.push({
      what: `calls for a Job, ${way}`,
      unit: "calls",
      curfew: figureOf([(await calls()) - before]),
      reach: { atMost: way === "not opted in" ? 0 : 1 },
    });
  }
  return rows;
}

const calls = (): Promise<number> => metric("apiserver_admission_webhook_request_total", 'curfew.sh"');

/** Creates the Job, and plays the kubelet whose Pod succeeds. */
async function runToEnd(namespace: string, manifest: ReturnType<typeof job>): Promise<void> {
  const { name } = manifest.metadata;
  accepted(await create(namespace, manifest));
  const pod = await until<Pod>(`${name} has a Pod`, async () => (await podsOf(namespace, name))[0]);
  const status = { status: { phase: "Succeeded" } };
  const path = `${pathOf("Pod", namespace, pod.metadata.name)}/status`;
  accepted(await request("PATCH", path, status, "application/merge-patch+json"));
  await until(`${name} is complete`, async () => {
    const { conditions } = (await getJob(namespace, name)).status;
    return conditions?.some((one) => one.type === "Complete" && one.status === "True");
  });
}
