/**
 * The recipes of docs/recipes.md, with the real agent, dockerd, kubelet and Kueue, against a fake of
 * Buildkite. The files are those of examples/buildkite, except that their volumes are of a kind that
 * every cluster has.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import { logOf, type FakeJob } from "../../../sim/buildkite/jobs.ts";
import type { KubernetesObject } from "../support/api.ts";
import { startDispatcherProcess, type DispatcherProcess } from "../support/dispatcher-process.ts";
import { serveRepository } from "../support/git-repository.ts";
import { getJob, untilEnded } from "../support/jobs.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { applyToKueue, hasKueue, installKueue, removeKueue } from "../support/kueue.ts";
import { testNamespace } from "../support/namespace.ts";
import { reachableBuildkite } from "../support/reachable-buildkite.ts";
import { until } from "../support/until.ts";

const root = path.join(import.meta.dirname, "../../..");
const namespace = testNamespace("recipes", { "pod-security.kubernetes.io/enforce": "privileged" });
const buildkite = reachableBuildkite();
const folder = mkdtempSync(path.join(tmpdir(), "curfew-recipes-"));
let dispatcher: DispatcherProcess;

/** The objects of examples/buildkite/FILE, in the test's namespace. */
function example(file: string): KubernetesObject[] {
  const text = readFileSync(path.join(root, "examples/buildkite", file), "utf8");
  const ours = text
    .replaceAll("namespace: buildkite", `namespace: ${namespace}`)
    .replaceAll("metadata.name: buildkite", `metadata.name: ${namespace}`);
  return parseAllDocuments(ours).map((document) => document.toJS() as KubernetesObject);
}

interface Template {
  spec: { template: { spec: { containers: Container[]; hostAliases?: object[] } } };
}
interface Container {
  readonly name: string;
  env: object[];
  resources?: object;
}

/**
 * The shipped template with a recipe's patch, made by the command of docs/recipes.md, whose agent
 * finds the fake.
 */
async function template(patch: string): Promise<Template> {
  const shipped = path.join(root, "manifests/dispatch/server/job.yaml");
  const patchFile = path.join(root, "examples/buildkite", patch);
  const text = await kubectlOutput(["patch", "--local", "-f", shipped, "--patch-file", patchFile, "-o", "yaml"]);
  const patched = parse(text) as Template;
  const { containers } = patched.spec.template.spec;
  const agent = containers.find(({ name }) => name === "agent");
  agent?.env.push({ name: "BUILDKITE_AGENT_ENDPOINT", value: buildkite.endpoint });
  // Only Kueue counts them. Otherwise, builds of several tests would wait for room on a small node.
  if (patch !== "kueue.patch.yaml") for (const container of containers) delete container.resources;
  return patched;
}

async function apply(objects: readonly object[]): Promise<void> {
  await kubectlOutput(["apply", "-n", namespace, "-f", "-"], objects.map((one) => stringify(one)).join("---\n"));
}

beforeAll(async () => {
  await kubectlOutput([
    ...["create", "secret", "generic", "buildkite-agent", "-n", namespace],
    `--from-literal=token=${buildkite.agentToken}`,
  ]);
  await apply(example("layer-cache.yaml").map(inMemory));
  const cached = await template("layer-cache.patch.yaml");
  // The test cluster has no DNS.
  const service = { ip: await clusterIp("layer-cache"), hostnames: ["layer-cache"] };
  cached.spec.template.spec.hostAliases = [service];
  const queue = { namespace, mode: "queue", idleTimeoutSeconds: 20 };
  const config = path.join(folder, "dispatch.yaml");
  writeFileSync(
    config,
    stringify({
      webhook: { secrets: [{ env: "SECRET" }] },
      stacks: { agentToken: { env: "AGENT_TOKEN" }, endpoint: buildkite.endpoint, intervalSeconds: 1 },
      queues: [
        { ...queue, name: "mirrors", template: await template("git-mirrors.patch.yaml") },
        { ...queue, name: "layers", template: cached },
        {
          ...{ namespace, name: "kueue", mode: "acquire", reservationSeconds: RESERVATION_SECONDS },
          template: await template("kueue.patch.yaml"),
        },
      ],
    }),
  );
  const env = { KUBECONFIG: process.env["KUBECONFIG"] ?? "", SECRET: "secret", AGENT_TOKEN: buildkite.agentToken };
  dispatcher = await startDispatcherProcess(config, env);
});
afterAll(async () => {
  await dispatcher.kill();
  rmSync(folder, { recursive: true });
});
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => {
    const logs = [...buildkite.jobs.values()].map((job) => `${job.queue}: ${job.state}\n${logOf(job)}`);
    const events = await kubectlOutput(["get", "events", "-n", namespace]);
    console.error([dispatcher.log(), ...logs, events].join("\n\n"));
  });
});

/** Waits until the build has run, and checks that its Job has completed. Returns its log's lines. */
async function ran(build: FakeJob): Promise<string> {
  await vi.waitUntil(() => build.state === "finished", { timeout: 120_000, message: "it hasn't run" });
  const { outcome } = await untilEnded(namespace, `buildkite-${build.id}`);
  expect({ log: logOf(build), exitStatus: build.exitStatus, outcome }).toMatchObject({
    exitStatus: 0,
    outcome: "Complete",
  });
  return logOf(build).replaceAll("\r", "");
}

async function clusterIp(service: string): Promise<string> {
  return kubectlOutput(["get", "service", service, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}"]);
}

/** A Deployment whose claimed volume is an emptyDir. */
function inMemory(object: KubernetesObject): KubernetesObject {
  if (object.kind !== "Deployment") return object;
  const { template } = object["spec"] as { template: { spec: { volumes: { name: string }[] } } };
  template.spec.volumes = template.spec.volumes.map(({ name }) => ({ name, emptyDir: {} }));
  return object;
}

const RESERVATION_SECONDS = 40;
const SUSPENDED = expect.stringContaining(
  "The Job has no Pod: it's suspended until something such as Kueue has room for it",
) as string;

describe.concurrent("git mirrors", () => {
  it("a checkout borrows what the CronJob has mirrored, fetches what's newer, and can't write to the mirror", async ({
    onTestFinished,
  }) => {
    await apply([volumeFor("git-mirrors")]);
    const repository = await serveRepository(new URL(buildkite.endpoint).hostname);
    onTestFinished(() => repository.close());
    repository.commit("mirrored", randomBytes(1_000_000));
    await apply(example("git-mirrors.yaml").map((object) => onNode(object, repository.url)));
    await update("first");

    const newer = repository.commit("newer", "small");
    const checkout = (): FakeJob =>
      buildkite.schedule({
        queue: "mirrors",
        env: { BUILDKITE_SKIP_CHECKOUT: "false", BUILDKITE_REPO: repository.url, BUILDKITE_COMMIT: newer },
        command: [
          "git --no-pager log --format='commit %s'",
          "git count-objects -v",
          "git --git-dir /mirrors/* --no-pager log -1 --format='mirror has %s'",
          "touch /mirrors/mine || true",
        ].join("; "),
      });
    const before = await ran(checkout());
    expect(before).toMatch(/^commit newer\ncommit mirrored$/m);
    expect(before).toMatch(/^mirror has mirrored$/m);
    expect(before).toMatch(/Read-only file system/);
    const [, size = ""] = /^size-pack: (\d+)/m.exec(before) ?? []; // in KiB
    expect(Number(size)).toBeLessThan(100);

    await update("second");
    expect(await ran(checkout())).toMatch(/^mirror has newer$/m);
  });

  async function update(name: string): Promise<void> {
    await kubectlOutput(["create", "job", "-n", namespace, "--from=cronjob/git-mirrors", name]);
    const { outcome } = await untilEnded(namespace, name);
    expect(outcome).toBe("Complete");
  }
});

/** A volume on the node, for a claim of that name. */
function volumeFor(claim: string): object {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `${claim}-${namespace}` },
    spec: {
      capacity: { storage: "100Gi" },
      accessModes: ["ReadWriteMany"],
      claimRef: { namespace, name: claim },
      storageClassName: "",
      hostPath: { path: `/run/${claim}-${namespace}`, type: "DirectoryOrCreate" },
    },
  };
}

/** With the node's volume, a mirror of this repository, and no schedule. */
function onNode(object: KubernetesObject, repository: string): KubernetesObject {
  const spec = object["spec"] as object;
  switch (object.kind) {
    case "ConfigMap":
      return { ...object, data: { repositories: `${repository}\n` } };
    case "CronJob":
      return { ...object, spec: { ...spec, suspend: true } };
    case "PersistentVolumeClaim":
      return { ...object, spec: { ...spec, storageClassName: "" } };
    case undefined:
    default:
      return object;
  }
}

describe.concurrent("a layer cache", () => {
  /** Makes an image in a new Docker daemon. One step, if it isn't cached, gives it another stamp. */
  const BUILD = `set -e
    cd "$(mktemp -d)"
    cp -L --parents /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*') .
    printf '%s\\n' 'FROM scratch' 'COPY . /' 'RUN read stamp </proc/sys/kernel/random/uuid; echo $stamp >/stamp' >Dockerfile
    docker build --progress plain --network none --cache-from layer-cache:5000/web --build-arg BUILDKIT_INLINE_CACHE=1 --tag layer-cache:5000/web .
    docker push --quiet layer-cache:5000/web
    docker run --rm --network none layer-cache:5000/web /bin/sh -c 'read stamp </stamp; echo stamp $stamp'`;
  const stampOf = (log: string): string => /^stamp ([-0-9a-f]{36})/m.exec(log)?.[1] ?? log;

  it("gives the layers of one build to builds of other Jobs, two of which run at once", async () => {
    await kubectlOutput(["rollout", "status", "-n", namespace, "deployment/layer-cache", "--timeout=120s"]);
    const build = (): FakeJob => buildkite.schedule({ queue: "layers", command: BUILD });
    const first = stampOf(await ran(build()));
    const others = await Promise.all([build(), build()].map(ran));
    expect(others.map(stampOf)).toEqual([first, first]);
  });
});

(hasKueue ? describe.concurrent : describe.skip)("Kueue, in acquire mode", () => {
  beforeAll(async () => {
    await installKueue(namespace);
  });
  afterAll(async () => {
    const inQueue = ["-l", "kueue.x-k8s.io/queue-name"];
    await kubectlOutput(["delete", "jobs", ...inQueue, "-n", namespace, "--timeout=120s"]);
    const own = example("kueue.yaml").map((one) => stringify(one));
    await kubectlOutput(["delete", "--timeout=120s", "-f", "-"], own.toReversed().join("---\n"));
    await removeKueue();
  });

  it("a build says on its page that its Job is suspended, and runs when Kueue admits it, after its first reservation", async ({
    expect,
  }) => {
    await apply_(hold("Hold"));
    const build = buildkite.schedule({ queue: "kueue", command: "echo built" });
    const name = `buildkite-${build.id}`;
    const job = await until("there's a Job", async () => getJob(namespace, name).catch(() => undefined));
    expect(job.spec["suspend"]).toBe(true);
    const firstUntil = build.reservation?.until ?? 0;
    expect(firstUntil).toBeGreaterThan(0);
    await until("its first reservation would be over", () => Promise.resolve(Date.now() > firstUntil));
    expect(buildkite.stateOf(build)).toBe("reserved");
    expect((await getJob(namespace, name)).spec["suspend"]).toBe(true);
    await expect.poll(() => build.notifications.map(({ detail }) => detail)).toEqual([SUSPENDED]);
    const secret = await kubectlOutput(["get", "secret", name, "-n", namespace, "--ignore-not-found"]);
    expect(secret, "a token is made only when the Job starts").toBe("");
    await apply_(hold("None"));
    expect(await ran(build)).toMatch(/^built/m);
  });

  const apply_ = (objects: readonly object[]): Promise<void> =>
    applyToKueue(objects.map((one) => stringify(one)).join("---\n"));

  /** The recipe, with or without a stop of everything. */
  function hold(stopPolicy: "Hold" | "None"): KubernetesObject[] {
    return example("kueue.yaml").map((object) =>
      object.kind === "ClusterQueue" ? { ...object, spec: { ...(object["spec"] as object), stopPolicy } } : object,
    );
  }
});
