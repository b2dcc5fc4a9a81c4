/**
 * The ValidatingAdmissionPolicies: what holds even if the webhook's failurePolicy is Ignore, or if
 * another webhook undoes its work.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { create, pathOf, request } from "../support/api.ts";
import { createJob, type Job } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { addWebhook, pauseWebhooks } from "../support/webhooks.ts";

const namespace = testNamespace("policies");
const annotations = { "curfew.sh/main": "main" };
const containers = [script("main", "true"), politeSidecar()];

/** A Job that these tests can change. */
interface LooseJob {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { name: string; labels?: object; annotations?: object };
  readonly spec: {
    selector?: unknown;
    template: { metadata: { annotations?: Record<string, string> }; spec: LoosePodSpec };
  };
}
interface LoosePodSpec {
  containers: LooseContainer[];
  initContainers?: LooseContainer[];
}
type LooseContainer = Record<string, unknown> & { name: string; volumeMounts?: Record<string, unknown>[] };

const find = ({ containers }: LoosePodSpec, name: string): LooseContainer => {
  const found = containers.find((container) => container.name === name);
  if (!found) throw new Error(`no container ${name}`);
  return found;
};
const mountOf = ({ volumeMounts }: LooseContainer): Record<string, unknown> => {
  const found = volumeMounts?.find(({ mountPath }) => mountPath === "/usr/share/pod");
  if (!found) throw new Error("no mount at /usr/share/pod");
  return found;
};

/** A Job as people export it and create it again under another name. */
const again = (job: Job): LooseJob => {
  const { metadata, spec } = structuredClone(job) as unknown as LooseJob;
  delete spec.selector;
  const { annotations = {} } = spec.template.metadata;
  spec.template.metadata = { annotations };
  const { labels = {}, annotations: ofTheJob = {} } = metadata;
  return { apiVersion: "batch/v1", kind: "Job", metadata: { name: "again", labels, annotations: ofTheJob }, spec };
};
const podOf = ({ spec: { template } }: LooseJob) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "of-a-job",
    labels: { "batch.kubernetes.io/job-name": "x" },
    annotations: { ...template.metadata.annotations },
  },
  spec: template.spec,
});

it("60 containers with 200 mounts each stay within the policies' cost budget", async () => {
  const volumes = Array.from({ length: 200 }, (_, at) => ({ name: `data-${at}`, emptyDir: {} }));
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/data/podium/${name}` }));
  const many = Array.from({ length: 60 }, (_, at) => ({ ...script(`c-${at}`, "true"), volumeMounts }));
  const main = Array.from({ length: 30 }, (_, at) => `c-${at}`).join(",");
  const options = { annotations: { "curfew.sh/main": main }, pod: { volumes } };
  // A dry run, because etcd couldn't store it.
  const dryRun = await create(namespace, job("large", many, options), "?dryRun=All");
  expect(dryRun.body.message ?? "").toBe("");
  const { status, body } = await create(namespace, podOf(again(dryRun.body as unknown as Job)), "?dryRun=All");
  expect(body.message ?? "").toBe("");
  expect(status).toBe(201);
});

describe("without the webhook", () => {
  let resume: () => Promise<void>;
  let patched: Job;
  let native: Job;
  beforeAll(async () => {
    const suspended = { annotations, spec: { suspend: true } };
    patched = await createJob(namespace, job("patched", [...containers, politeSidecar("other")], suspended));
    const asked = { ...suspended, annotations: { ...annotations, "curfew.sh/strategy": "native" } };
    native = await createJob(namespace, job("native", containers, asked));
    resume = await pauseWebhooks();
  });
  afterAll(async () => {
    await resume();
  });

  it("a labelled Job without Curfew's marker is refused", async () => {
    const { status, body } = await create(namespace, job("unmarked", containers));
    expect(status).toBe(403);
    expect(body.message).toContain("Curfew's webhook hasn't seen it");
  });

  it.each(["trap", "native", "none"])(
    "a labelled Job that only says %s is refused, and the message names its containers",
    async (marker) => {
      const claims = { annotations: { "curfew.sh/injected": marker } };
      const { status, body } = await create(namespace, job("claims", containers, claims));
      expect(status).toBe(403);
      expect(body.message).toContain(
        `says curfew.sh/injected: ${marker}, but Curfew has not planned its containers: main, sidecar.`,
      );
    },
  );

  it("a labelled Job that says native, because it has its own native sidecar, is refused", async () => {
    const initContainers = [{ ...politeSidecar("own"), restartPolicy: "Always" }];
    const claims = { annotations: { "curfew.sh/injected": "native" }, pod: { initContainers } };
    const { status, body } = await create(namespace, job("claims", containers, claims));
    expect(status).toBe(403);
    expect(body.message).toContain("has not planned its containers: main, sidecar.");
  });

  it("a labelled Job that says none is allowed if it has one container", async () => {
    const claims = { annotations: { "curfew.sh/injected": "none" } };
    expect((await create(namespace, job("single", [script("main", "true")], claims), "?dryRun=All")).status).toBe(201);
  });

  it("a patched Job can be created again under another name", async () => {
    expect((await create(namespace, again(patched), "?dryRun=All")).status).toBe(201);
    expect((await create(namespace, again(native), "?dryRun=All")).status).toBe(201);
  });

  describe.each<[string, () => Job, (spec: LoosePodSpec) => void, string]>([
    [
      "takes the wrapper from one of three containers",
      () => patched,
      (spec) => delete find(spec, "other")["command"],
      "other",
    ],
    [
      "makes the folder read-only for main",
      () => patched,
      (spec) => (mountOf(find(spec, "main"))["readOnly"] = true),
      "main",
    ],
    [
      "mounts something over the folder",
      () => patched,
      (spec) => find(spec, "sidecar")["volumeMounts"]?.push({ name: "tmp-pod", mountPath: "/usr/share/pod/" }),
      "sidecar",
    ],
    ["removes main", () => patched, (spec) => spec.containers.shift(), "main"],
    [
      "drops restartPolicy, and adds another native sidecar",
      () => native,
      (spec) => {
        const [moved] = spec.initContainers ?? [];
        delete moved?.["restartPolicy"];
        spec.initContainers?.unshift({ ...politeSidecar("mesh"), restartPolicy: "Always" });
      },
      "sidecar",
    ],
  ])("if somebody %s", (_, from, undo, named) => {
    const undone = (): LooseJob => {
      const copy = again(from());
      undo(copy.spec.template.spec);
      return copy;
    };

    it("the Job is refused, with the name of the container", async () => {
      const { status, body } = await create(namespace, undone());
      expect(status).toBe(403);
      expect(body.message).toContain(`these containers are not as Curfew leaves them: ${named}.`);
    });

    it("its Pods are refused, with the name of the container", async () => {
      const { status, body } = await create(namespace, podOf(undone()));
      expect(status).toBe(403);
      expect(body.message).toContain(`: ${named}. Another admission webhook`);
    });
  });

  it("a container that's added to the Job is refused, one that's added to the Pod isn't", async () => {
    const added = again(patched);
    added.spec.template.spec.containers.push(politeSidecar("late"));
    const { status, body } = await create(namespace, added);
    expect(status).toBe(403);
    expect(body.message).toContain("has not planned its containers: late.");
    expect((await create(namespace, podOf(added), "?dryRun=All")).status).toBe(201);
  });

  it("the Pod of a Job that an earlier Curfew wrapped, without a record, is allowed", async () => {
    for (const earlier of [patched, native]) {
      const pod = podOf(again(earlier));
      expect(pod.metadata.annotations).toHaveProperty(["curfew.sh/sidecars"]);
      pod.metadata.annotations = { "curfew.sh/injected": pod.metadata.annotations["curfew.sh/injected"] ?? "" };
      expect((await create(namespace, pod, "?dryRun=All")).status).toBe(201);
    }
  });

  it("the Pod of a patched Job is allowed", async () => {
    expect((await create(namespace, podOf(again(patched)), "?dryRun=All")).status).toBe(201);
    expect((await create(namespace, podOf(again(native)), "?dryRun=All")).status).toBe(201);
  });

  it("other Jobs and Pods are allowed", async () => {
    expect((await create(namespace, job("plain", containers, { labels: {} }))).status).toBe(201);
    expect(
      (await create(namespace, { apiVersion: "v1", kind: "Pod", metadata: { name: "plain" }, spec: { containers } }))
        .status,
    ).toBe(201);
  });

  it("an existing Job can lose its marker, its status and its finalizers, and can be deleted", async () => {
    const path = pathOf("Job", namespace, "patched");
    const patch = async (target: string, body: object) =>
      (await request("PATCH", target, body, "application/merge-patch+json")).status;
    expect(
      await patch(path, { metadata: { annotations: { "curfew.sh/injected": null }, finalizers: ["example.org/f"] } }),
    ).toBe(200);
    expect(await patch(`${path}/status`, { status: { ready: 0 } })).toBe(200);
    expect(await patch(path, { metadata: { finalizers: null } })).toBe(200);
    expect((await request("DELETE", `${path}?propagationPolicy=Background`)).status).toBe(200);
    expect((await request("GET", path)).status).toBe(404);
  });
});

describe("a webhook that drops restartPolicy from native sidecars", () => {
  const native = { "curfew.sh/main": "main", "curfew.sh/strategy": "native" };

  it("is caught on Jobs, and the refusal says what it does", async () => {
    const remove = await addWebhook("zz-strips", "jobs", (object) => {
      const path = "/spec/template/spec/initContainers/0/restartPolicy";
      return (object as Job).spec.template.spec.initContainers?.[0]?.restartPolicy === undefined
        ? []
        : [{ op: "remove", path }];
    });
    try {
      const { status, body } = await create(namespace, job("stripped", containers, { annotations: native }));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body.message).toMatch(/restartPolicy/);
      expect(body.message).toMatch(/another|other/);
    } finally {
      await remove();
    }
  });

  it("is caught on Pods, and the Job's events say so", async () => {
    const remove = await addWebhook("zz-strips", "pods", (object) => {
      const { spec } = object as { spec: { initContainers?: { restartPolicy?: string }[] } };
      const path = "/spec/initContainers/0/restartPolicy";
      return spec.initContainers?.[0]?.restartPolicy === undefined ? [] : [{ op: "remove", path }];
    });
    try {
      const created = await createJob(namespace, job("pod-stripped", containers, { annotations: native }));
      const { template } = created.spec;
      expect(template.spec.initContainers?.[0]?.restartPolicy).toBe("Always");
      const { status, body } = await create(namespace, podOf(again(created)));
      expect(status).toBe(403);
      expect(body.message).toContain("Another admission webhook drops that field");
    } finally {
      await remove();
    }
  });
});
