/**
 * Jobs whose Pods get a container from another webhook: Dapr's own injector, and others simulated,
 * each added in its own way.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accepted, create, pathOf, request } from "../support/api.ts";
import { addInjectors, DAPR, INJECTORS, installDapr, type Injector } from "../support/injectors.ts";
import {
  createJob,
  endOf,
  getJob,
  logsOf,
  outputOf,
  runJob,
  statusOf,
  untilEnded,
  untilPod,
  type Pod,
} from "../support/jobs.ts";
import { ENABLED, job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { until } from "../support/until.ts";

/** In somebody else's cluster, neither Dapr's image nor this process may be in reach. */
const inOurCluster = process.env["CURFEW_TEST_CLUSTER"] !== undefined;
const namespace = testNamespace("injectors");
const optedIn = testNamespace("injectors-opted-in", ENABLED);
const STRATEGIES = ["trap", "native"] as const;

type JobToRun = ReturnType<typeof job>;
type Asks = Injector["asks"];

/** The Job, whose Pods ask for these containers. */
function asking(plain: JobToRun, ...asks: readonly Asks[]) {
  const merged = (field: keyof Asks) => Object.fromEntries(asks.flatMap((one) => Object.entries(one[field] ?? {})));
  const metadata = { labels: merged("labels"), annotations: merged("annotations") };
  return { ...plain, spec: { ...plain.spec, template: { ...plain.spec.template, metadata } } };
}

const annotated = (strategy: string) => ({ annotations: { "curfew.sh/strategy": strategy } });
const initOf = (pod: Pod): string[] => (pod.spec.initContainers ?? []).map(({ name }) => name);

/** That main ended with `mainCode`, and the container `name` by its own shutdown. */
async function expectOrderlyEnd(pod: Pod, name: string, mainCode = 0): Promise<void> {
  expect([endOf(pod, "main").exitCode, endOf(pod, name).exitCode]).toEqual([mainCode, 0]);
  expect(statusOf(pod, name)?.restartCount).toBe(0);
  const { namespace = "" } = pod.metadata as { readonly namespace?: string };
  expect(await logsOf(namespace, pod, name)).toMatch(/received terminated\nstopped\n$/);
}

/** That the Job's main container has ended, and its Pod still runs, because of `name`. */
async function expectHanging(name: string, container: string): Promise<void> {
  const pod = await untilPod(
    namespace,
    name,
    "main ended",
    (pod) => statusOf(pod, "main")?.state.terminated !== undefined,
  );
  expect(endOf(pod, "main").exitCode).toBe(0);
  expect(statusOf(pod, container)?.state.running).toBeDefined();
  expect((await getJob(namespace, name)).status).toMatchObject({ active: 1 });
  await request("DELETE", `${pathOf("Job", namespace, name)}?propagationPolicy=Background`);
}

describe.runIf(inOurCluster)("a webhook that adds a container to a Job's Pods", () => {
  let remove: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    remove = await addInjectors(namespace, Object.values(INJECTORS));
  });
  afterAll(() => remove?.());

  /** What main does that needs the container that was added. */
  const NEEDS: Readonly<Record<keyof typeof INJECTORS, string>> = {
    istio: "wget -qO- http://127.0.0.1:15021/healthz/ready",
    linkerd: "wget -qO- http://127.0.0.1:4191/ready",
    vault: "grep s3cret /vault/secrets/db",
    datadog: "test -d /var/run/datadog",
  };

  describe.concurrent.each(Object.keys(INJECTORS) as (keyof typeof INJECTORS)[])("as %s does", (key) => {
    const injector: Injector = INJECTORS[key];
    const { container, initContainer = [] } = injector;
    const main = script("main", NEEDS[key]);

    it.concurrent(
      "keeps it from ending without Curfew; with it, the Job ends, and that container shuts down",
      async () => {
        await createJob(namespace, asking(job(`${key}-without`, [main], { labels: {} }), injector.asks));
        const { outcome, pod } = await runJob(namespace, asking(job(`${key}-alone`, [main]), injector.asks));
        expect(outcome).toBe("Complete");
        await expectOrderlyEnd(pod, container);
        expect(pod.spec.containers.map(({ name }) => name)).toEqual(["main"]);
        expect(initOf(pod)).toEqual([initContainer, container].flat());
        await expectHanging(`${key}-without`, container);
      },
    );

    it.concurrent.each(STRATEGIES)("lets it end beside a sidecar under %s, each in its own way", async (strategy) => {
      const own = job(`${key}-${strategy}`, [main, politeSidecar()], annotated(strategy));
      const { outcome, pod } = await runJob(namespace, asking(own, injector.asks));
      expect(outcome).toBe("Complete");
      await expectOrderlyEnd(pod, container);
      expect(await outputOf(namespace, pod, "sidecar")).toContain("stopping\nstopped\n");
      expect(initOf(pod)).toEqual([strategy === "native" ? "sidecar" : [], initContainer, container].flat());
    });
  });

  describe.concurrent("several such webhooks", () => {
    const all: readonly Injector[] = Object.values(INJECTORS);
    const asks = all.map((injector) => injector.asks);
    const needsAll = script("main", Object.values(NEEDS).join(" && "));

    it.concurrent.each(STRATEGIES)("let a Job end under %s", async (strategy) => {
      const own = job(`all-${strategy}`, [needsAll, politeSidecar()], annotated(strategy));
      const { outcome, pod } = await runJob(namespace, asking(own, ...asks));
      expect(outcome).toBe("Complete");
      for (const { container } of all) await expectOrderlyEnd(pod, container);
      const added = all.map(({ container }) => container);
      expect(initOf(pod).slice(-added.length).toSorted()).toEqual(added.toSorted());
    });

    it.concurrent("let a Job fail with its main container's exit code", async () => {
      const own = job("all-fail", [script("main", "exit 7"), politeSidecar()]);
      const { outcome, pod } = await runJob(namespace, asking(own, ...asks));
      expect(outcome).toBe("Failed");
      for (const { container } of all) await expectOrderlyEnd(pod, container, 7);
    });

    it.concurrent("let a Pod end that's opted in itself", async () => {
      const { metadata, spec } = asking(job("all-pod", [needsAll]), ...asks).spec.template;
      const labels = { ...ENABLED, ...metadata.labels };
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: "all-pod", labels }, spec };
      accepted(await create(namespace, pod));
      const read = () => request<Pod>("GET", pathOf("Pod", namespace, "all-pod"));
      const ended = await until(
        "the Pod ends",
        async () => {
          const { body } = await read();
          return /^(Succeeded|Failed)$/.test(body.status.phase) && body;
        },
        200,
      );
      expect(ended.status.phase).toBe("Succeeded");
      for (const { container } of all) await expectOrderlyEnd(ended, container);
    });
  });
});

describe.runIf(inOurCluster)("a Job with Dapr's own injector", () => {
  let remove: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    remove = await installDapr([namespace, optedIn]);
  });
  afterAll(() => remove?.());

  const main = script("main", "until wget -qO- http://127.0.0.1:3500/v1.0/healthz; do sleep 0.2; done");

  it.concurrent(
    "never ends without Curfew, and ends with it: main's exit code counts, and daprd shuts down",
    async () => {
      await createJob(namespace, asking(job("dapr-without", [main], { labels: {} }), DAPR));
      const { outcome, pod } = await runJob(namespace, asking(job("dapr-alone", [main]), DAPR));
      expect(outcome).toBe("Complete");
      await expectOrderlyEnd(pod, "daprd");
      expect(initOf(pod)).toEqual(["daprd"]);
      await expectHanging("dapr-without", "daprd");
    },
  );

  it.concurrent.each(STRATEGIES)("ends beside a sidecar of its own under %s", async (strategy) => {
    const own = job(`dapr-${strategy}`, [main, politeSidecar()], annotated(strategy));
    const { outcome, pod } = await runJob(namespace, asking(own, DAPR));
    expect(outcome).toBe("Complete");
    await expectOrderlyEnd(pod, "daprd");
    expect(await outputOf(namespace, pod, "sidecar")).toContain("stopping\nstopped\n");
  });

  it.concurrent("ends in a namespace that's opted in, without a label of its own", async () => {
    await createJob(optedIn, asking(job("dapr-opted-in", [main], { labels: {} }), DAPR));
    const { outcome, pod } = await untilEnded(optedIn, "dapr-opted-in");
    expect(outcome).toBe("Complete");
    await expectOrderlyEnd(pod, "daprd");
  });

  it.concurrent("fails with its main container's exit code", async () => {
    const { outcome, pod } = await runJob(namespace, asking(job("dapr-fails", [script("main", "exit 3")]), DAPR));
    expect(outcome).toBe("Failed");
    await expectOrderlyEnd(pod, "daprd", 3);
  });
});
