/**
 * The ValidatingAdmissionPolicies: what holds even if the webhook's failurePolicy is Ignore, or if
 * another webhook undoes its work.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { create, pathOf, request } from "../support/api.ts";
import { createJob, type Job } from "../support/jobs.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { pod } from "../support/pods.ts";
import { addWebhook, pauseWebhooks } from "../support/webhooks.ts";

const namespace = testNamespace("policies");
const enabledNamespace = testNamespace("policies-enabled", { "curfew.sh/enabled": "true" });
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
/** One of the Job's Pods. */
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

/** A Pod that opted in itself, and that Curfew planned as it planned this Job. */
const ownPodOf = (job: LooseJob) => {
  const { metadata, ...rest } = podOf(job);
  const labels = { "curfew.sh/enabled": "true" };
  return { ...rest, metadata: { ...metadata, name: "on-its-own", labels: labels as Record<string, string> } };
};

it("60 containers with 200 mounts each stay within the policies' cost budget", async () => {
  const volumes = Array.from({ length: 200 }, (_, at) => ({ name: `data-${at}`, emptyDir: {} }));
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/data/podium/${name}` }));
  const many = Array.from({ length: 60 }, (_, at) => ({ ...script(`c-${at}`, "true"), volumeMounts }));
  const main = Array.from({ length: 30 }, (_, at) => `c-${at}`).join(",");
  const options = { annotations: { "curfew.sh/main": main }, pod: { volumes } };
  // A dry run, because etcd couldn't store it.
  const dryRun = await create(namespace, job("large", many, options), "?dryRun=All");
  expect(dryRun.body.message ?? "").toBe("");
  const patched = again(dryRun.body as unknown as Job);
  for (const planned of [podOf(patched), ownPodOf(patched)]) {
    const { status, body } = await create(namespace, planned, "?dryRun=All");
    expect(body.message ?? "").toBe("");
    expect(status).toBe(201);
  }
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

  it("an annotated Job without it is refused, too", async () => {
    const annotated = { labels: {}, annotations: { "curfew.sh/enabled": "true" } };
    const { status, body } = await create(namespace, job("unmarked", containers, annotated));
    expect(status).toBe(403);
    expect(body.message).toContain("Curfew's webhook hasn't seen it");
  });

  it("a Job that only its namespace opts in is created as it is, and so is its Pod", async () => {
    const inNamespace = job("in-namespace", containers, { labels: {} });
    const created = await createJob(enabledNamespace, inNamespace);
    expect(created.metadata.annotations ?? {}).not.toHaveProperty(["curfew.sh/injected"]);
    expect((await create(enabledNamespace, podOf(again(created)), "?dryRun=All")).status).toBe(201);
    // Unless it says so itself.
    expect((await create(enabledNamespace, job("labelled", containers))).status).toBe(403);
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

  it("the Pod of a patched Job is allowed with a container that nobody could move, even if it has the label", async () => {
    for (const earlier of [patched, native]) {
      const pod = podOf(again(earlier));
      const labels = { ...pod.metadata.labels, "curfew.sh/enabled": "true", "curfew.sh/injected": "trap" };
      const added = [...pod.spec.containers, politeSidecar("late")];
      const late = { ...pod, metadata: { ...pod.metadata, labels }, spec: { ...pod.spec, containers: added } };
      expect((await create(namespace, late, "?dryRun=All")).body.message ?? "").toBe("");
    }
  });

  it("a Pod is refused if a late container was made native, and then lost its restartPolicy", async () => {
    const pod = podOf(again(patched));
    pod.metadata.annotations["curfew.sh/late-containers-moved"] = "late,gone";
    const withLate = (more: object) => {
      const initContainers = [...(pod.spec.initContainers ?? []), politeSidecar("late", 0, more)];
      return { ...pod, spec: { ...pod.spec, initContainers } };
    };
    expect((await create(namespace, withLate({ restartPolicy: "Always" }), "?dryRun=All")).status).toBe(201);
    const { status, body } = await create(namespace, withLate({}));
    expect(status).toBe(403);
    expect(body.message).toContain("forever for one to end: late. Another admission webhook drops it");
  });

  describe("a Pod that opts in itself", () => {
    it("is refused without Curfew's marker, and the message says what to do", async () => {
      for (const labels of [{}, { "curfew.sh/injected": "trap" }]) {
        const unmarked = pod("unmarked", containers, { labels: { "curfew.sh/enabled": "true", ...labels } });
        const { status, body } = await create(namespace, unmarked);
        expect(status).toBe(403);
        expect(body.message).toContain("the Pod has the label curfew.sh/enabled, but Curfew's webhook hasn't seen it");
        expect(body.message).toContain("kubectl get pods -A -l app.kubernetes.io/part-of=curfew");
      }
    });

    it.each(["trap", "native", "none"])("is refused if it only says %s", async (marker) => {
      const { status, body } = await create(
        namespace,
        pod("claims", containers, { annotations: { "curfew.sh/injected": marker } }),
      );
      expect(status).toBe(403);
      expect(body.message).toContain(
        `says curfew.sh/injected: ${marker}, but Curfew has not planned its containers: main, sidecar.`,
      );
    });

    it("is allowed as Curfew planned it, whatever its author writes around names", async () => {
      for (const planned of [patched, native]) {
        const own = ownPodOf(again(planned));
        expect((await create(namespace, own, "?dryRun=All")).body.message ?? "").toBe("");
        const names = own.metadata.annotations["curfew.sh/sidecars"] ?? "";
        own.metadata.annotations["curfew.sh/sidecars"] = ` ${names.replaceAll(",", " , ")} `;
        expect((await create(namespace, own, "?dryRun=All")).body.message ?? "").toBe("");
      }
    });

    it("is refused with a container that Curfew hasn't planned, and allowed if Curfew left or ignores it", async () => {
      const own = ownPodOf(again(patched));
      own.spec.containers.push(politeSidecar("late"));
      const { status, body } = await create(namespace, own);
      expect(status).toBe(403);
      expect(body.message).toContain("has not planned its containers: late.");
      for (const annotation of ["curfew.sh/late-containers-left", "curfew.sh/ignore"]) {
        const annotations = { ...own.metadata.annotations, [annotation]: "other-one, late" };
        const said = { ...own, metadata: { ...own.metadata, annotations } };
        expect((await create(namespace, said, "?dryRun=All")).body.message ?? "").toBe("");
      }
    });

    it("is refused if somebody undid what Curfew did", async () => {
      const own = ownPodOf(again(patched));
      delete find(own.spec, "other")["command"];
      const { status, body } = await create(namespace, own);
      expect(status).toBe(403);
      expect(body.message).toContain(": other. Another admission webhook");
    });

    it("is allowed if it runs forever, or is a static Pod that runs anyway", async () => {
      const forever = pod("forever", containers, { spec: { restartPolicy: "Always" } });
      const byDefault = pod("by-default", containers, { spec: { restartPolicy: undefined } });
      const annotations = { "kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file" };
      const mirror = pod("mirror", containers, { annotations, spec: { nodeName: "nowhere" } });
      for (const allowed of [forever, byDefault, mirror])
        expect((await create(namespace, allowed, "?dryRun=All")).body.message ?? "").toBe("");
    });
  });

  it.each(["patched", "native"] as const)(
    "a Pod copied from a running Job (%s) is allowed as it is, and refused if only its record is copied",
    async (from) => {
      const copied = podOf(again({ patched, native }[from]));
      expect((await create(namespace, copied, "?dryRun=All")).status).toBe(201);
      const { status, body } = await create(namespace, { ...copied, spec: { restartPolicy: "Never", containers } });
      expect(status).toBe(403);
      expect(body.message).toContain("Or the annotation is in the manifest: remove it there.");
    },
  );

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
