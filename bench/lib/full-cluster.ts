/** Fills a real API server with Jobs and Pods that nobody runs. */
import { accepted, create, pathOf, request, type KubernetesObject } from "../../test/cluster/support/api.ts";
import { createNamespace } from "./namespace.ts";
import { jobOf } from "./review.ts";

const NAMESPACES = 20;
/** So many objects are created at once. */
const AT_ONCE = 32;
const JOB_BYTES = 3000;

/**
 * Creates `count` Jobs of 3 KB, each with a Pod that runs: a third of them are of one CronJob each
 * namespace, and in every other Pod main has ended an hour ago, while the sidecar runs. No
 * controller acts on the Jobs (KEP-4368), and the Pods have no node. Resolves to their namespaces.
 */
export async function fillCluster(prefix: string, count: number): Promise<readonly string[]> {
  const namespaces = Array.from({ length: NAMESPACES }, (_, index) => `${prefix}-${index}`);
  await Promise.all(namespaces.map((namespace) => createNamespace(namespace, { "curfew.sh/excluded": "true" })));
  const { spec } = jobOf(JOB_BYTES);
  const cronJobs = await Promise.all(
    namespaces.map(async (namespace) => {
      const object = { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "nightly" } };
      const jobTemplate = { spec };
      return accepted(
        await create(namespace, { ...object, spec: { schedule: "0 3 * * *", suspend: true, jobTemplate } }),
      );
    }),
  );
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const cronJob = index % 3 === 0 ? cronJobs[index % NAMESPACES] : undefined;
      await createJobWithPod(namespaces[index % NAMESPACES] ?? "", index, cronJob);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return namespaces;
}

async function createJobWithPod(namespace: string, index: number, cronJob?: KubernetesObject): Promise<void> {
  const name = `build-${String(index).padStart(6, "0")}`;
  const { spec } = jobOf(JOB_BYTES);
  const metadata = { name, ...(cronJob && { ownerReferences: [ownerOf("CronJob", cronJob)] }) };
  const managedBy = "example.com/nobody";
  const job = accepted(
    await create(namespace, { apiVersion: "batch/v1", kind: "Job", metadata, spec: { ...spec, managedBy } }),
  );
  const ownerReferences = [ownerOf("Job", job)];
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `${name}-x`, ownerReferences },
    spec: spec.template.spec,
  };
  accepted(await create(namespace, pod));
  const started = new Date(Date.now() - 2 * 3_600_000).toISOString().replace(/\.\d+/, "");
  const ended = new Date(Date.now() - 3_600_000).toISOString().replace(/\.\d+/, "");
  const running = { running: { startedAt: started } };
  const done = { terminated: { exitCode: 0, reason: "Completed", startedAt: started, finishedAt: ended } };
  const containerStatuses = spec.template.spec.containers.map(({ name: container, image }, place) => ({
    ...{ name: container, image, imageID: `${image}@sha256:${"0".repeat(64)}`, ready: false, restartCount: 0 },
    ...{ containerID: `containerd://${"0".repeat(64)}`, state: place === 0 && index % 2 === 0 ? done : running },
  }));
  const status = { phase: "Running", startTime: started, containerStatuses };
  const path = `${pathOf("Pod", namespace, `${name}-x`)}/status`;
  accepted(await request("PATCH", path, { status }, "application/merge-patch+json"));
}

function ownerOf(kind: string, { metadata }: KubernetesObject) {
  return { apiVersion: "batch/v1", kind, name: metadata.name, uid: metadata.uid, controller: true };
}
