/**
 * A Job's template and most of a Pod's spec are immutable, and Curfew changes them. What happens when the manifest is applied
 * again, with the real kubectl.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { accepted, request } from "../support/api.ts";
import { getJob, podsOf, type Job, type Pod } from "../support/jobs.ts";
import { kubectl, kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { getPod, pod } from "../support/pods.ts";
import { until } from "../support/until.ts";
import { addWebhook } from "../support/webhooks.ts";

const namespace = testNamespace("reapply");
const inNamespace = ["-n", namespace, "-f", "-"];
const argvForms = {
  command: { command: ["sh", "-c", "echo $HOME"] },
  "command and args": { command: ["sh", "-c"], args: ["echo $HOME"] },
  "args alone": { args: ["sh", "-c", "echo $HOME"] },
};

type Manifest = ReturnType<typeof job>;

const stored = (name: string): Promise<Job> => getJob(namespace, name);

/** The Job, once its controller has seen that it's suspended. */
async function untilSuspended(name: string): Promise<Job> {
  const look = async (): Promise<Job | false> => {
    const job = await stored(name);
    return job.status.conditions !== undefined && job;
  };
  return await vi.waitUntil(look, { timeout: 75_000, interval: 200, message: `${name} isn't suspended` });
}

/** The manifest with its main container changed. */
function withMain(manifest: Manifest, change: object): Manifest {
  const changed = structuredClone(manifest);
  Object.assign(changed.spec.template.spec.containers[0] ?? {}, change);
  return changed;
}

for (const strategy of ["trap", "native"] as const) {
  describe.concurrent(`a Job under ${strategy}`, () => {
    /** A Job created by `kubectl apply`. It's suspended, so that only these tests change it. */
    async function applied(name: string, argv: object, ...flags: readonly string[]): Promise<Manifest> {
      const annotations = {
        "curfew.sh/main": "main",
        "curfew.sh/strategy": strategy,
        ...("command" in argv || strategy === "native" ? {} : { "command.curfew.sh/main": '["env"]' }),
      };
      const main = { name: "main", image: "busybox:1", ...argv };
      const manifest = job(`${strategy}-${name}`, [main, politeSidecar()], { annotations, spec: { suspend: true } });
      await kubectlOutput(["apply", ...flags, ...inNamespace], JSON.stringify(manifest));
      const suspended = await untilSuspended(manifest.metadata.name);
      expect(suspended.metadata.annotations).toMatchObject({ "curfew.sh/injected": strategy });
      return manifest;
    }

    for (const [form, argv] of Object.entries(argvForms)) {
      const slug = form.replaceAll(" ", "-");

      it(`is unchanged by \`kubectl apply\` of the same manifest (${form})`, async () => {
        const manifest = await applied(`same-${slug}`, argv);
        const before = await stored(manifest.metadata.name);
        const { status, stderr } = await kubectl(["apply", ...inNamespace], JSON.stringify(manifest));
        expect(stderr).toBe("");
        expect(status).toBe(0);
        expect((await stored(manifest.metadata.name)).spec).toEqual(before.spec);
      });

      it(`is unchanged by \`kubectl apply --server-side\` of the same manifest (${form})`, async () => {
        const manifest = await applied(`server-side-${slug}`, argv, "--server-side");
        const before = await stored(manifest.metadata.name);
        const { status, stderr } = await kubectl(["apply", "--server-side", ...inNamespace], JSON.stringify(manifest));
        expect(stderr).toBe("");
        expect(status).toBe(0);
        expect((await stored(manifest.metadata.name)).spec).toEqual(before.spec);
      });
    }

    it("is unchanged by `kubectl replace` of what `kubectl get` gave", async () => {
      const manifest = await applied("replace", argvForms.command);
      const before = await stored(manifest.metadata.name);
      const { status, stderr } = await kubectl(["replace", ...inNamespace], JSON.stringify(before));
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect((await stored(manifest.metadata.name)).spec).toEqual(before.spec);
    });

    // The manifest needs the selector and the labels that the API server gave the Job: without
    // them, no Job can be replaced.
    it("is unchanged by `kubectl replace` with the manifest's own containers", async () => {
      const manifest = await applied("replace-own", argvForms["command and args"]);
      const before = await stored(manifest.metadata.name);
      const { containers } = manifest.spec.template.spec;
      const spec = { ...before.spec.template.spec, containers, initContainers: undefined, volumes: undefined };
      const template = { ...before.spec.template, spec };
      const manifestAgain = { ...before, spec: { ...before.spec, template } };
      const { status, stderr } = await kubectl(["replace", ...inNamespace], JSON.stringify(manifestAgain));
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect((await stored(manifest.metadata.name)).spec).toEqual(before.spec);
    });

    for (const [what, change] of [
      ["command", { command: ["sh", "-c", "echo changed"] }],
      ["image", { image: "busybox:2" }],
      ["args", { args: ["changed"] }],
      ["environment", { env: [{ name: "A", value: "b" }] }],
    ] as const) {
      it(`still refuses a changed ${what}`, async () => {
        const manifest = await applied(`changed-${what}`, { command: ["sh", "-c"], args: ["echo $HOME"] });
        const before = await stored(manifest.metadata.name);
        for (const flags of [[], ["--server-side"], ["--server-side", "--force-conflicts"]]) {
          const { status, stderr } = await kubectl(
            ["apply", ...flags, ...inNamespace],
            JSON.stringify(withMain(manifest, change)),
          );
          expect(status).toBe(1);
          expect(stderr).toMatch(flags.length === 1 ? /immutable|conflict/ : /field is immutable/);
        }
        expect((await stored(manifest.metadata.name)).spec).toEqual(before.spec);
      });
    }

    it("can still be resumed, made more parallel, labelled and annotated by its manifest", async () => {
      const manifest = await applied("mutable", argvForms["command and args"]);
      const spec = { ...manifest.spec, suspend: false, parallelism: 2 };
      const metadata = {
        ...manifest.metadata,
        labels: { ...manifest.metadata.labels, team: "a" },
        annotations: { ...manifest.metadata.annotations, note: "b" },
      };
      await kubectlOutput(["apply", ...inNamespace], JSON.stringify({ ...manifest, metadata, spec }));
      const after = await stored(manifest.metadata.name);
      expect(after.spec).toMatchObject({ suspend: false, parallelism: 2 });
      expect(after.metadata).toMatchObject({
        labels: { team: "a" },
        annotations: { note: "b", "curfew.sh/injected": strategy },
      });
    });

    it("warns that changing a setting later has no effect", async () => {
      const manifest = await applied("late", argvForms.command);
      manifest.metadata.annotations = {
        ...manifest.metadata.annotations,
        "grace-period-seconds.curfew.sh/sidecar": "5",
      };
      const { status, stderr } = await kubectl(["apply", ...inNamespace], JSON.stringify(manifest));
      expect(stderr).toMatch(/^Warning: Changing "grace-period-seconds\.curfew\.sh\/sidecar" has no effect/m);
      expect(status).toBe(0);
    });
  });
}

describe.concurrent("a suspended Job", () => {
  it.for(["trap", "native"])(
    "takes new resources for its sidecar from `kubectl apply` of its manifest (%s)",
    async (strategy, { skip }) => {
      const { minor } = accepted(await request<{ minor: string }>("GET", "/version"));
      skip(Number.parseInt(minor) < 36, "before 1.36, Kubernetes takes no new resources (KEP-5440)");
      const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
      const manifestWith = (cpu: string) =>
        job(
          `resources-${strategy}`,
          [script("main", "true"), politeSidecar("sidecar", 0, { resources: { requests: { cpu } } })],
          {
            annotations,
            spec: { suspend: true },
          },
        );
      await kubectlOutput(["apply", ...inNamespace], JSON.stringify(manifestWith("100m")));
      const before = (await untilSuspended(`resources-${strategy}`)).spec.template.spec;
      for (const [flags, cpu] of [
        [[], "200m"],
        [["--server-side", "--force-conflicts"], "300m"],
      ] as const) {
        const { status, stderr } = await kubectl(
          ["apply", ...flags, ...inNamespace],
          JSON.stringify(manifestWith(cpu)),
        );
        expect(stderr).toBe("");
        expect(status).toBe(0);
        const now = JSON.stringify((await stored(`resources-${strategy}`)).spec.template.spec);
        expect(JSON.parse(now.replace(`"cpu":"${cpu}"`, '"cpu":"100m"'))).toEqual(before);
        expect(now).toContain(cpu);
      }
    },
  );
});

/** Ways to send an unchanged manifest again. */
const flagsOfApply = { "kubectl apply": [], "kubectl apply --server-side": ["--server-side"] };

describe.concurrent.each(["trap", "native"])("a Pod under %s", (strategy) => {
  const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
  const manifestOf = (name: string, argv: object) =>
    pod(`${strategy}-${name}`, [{ name: "main", image: "busybox:1", ...argv }, politeSidecar()], { annotations });

  for (const [apply, flags] of Object.entries(flagsOfApply)) {
    it(`is unchanged by \`${apply}\` of the same manifest`, async () => {
      for (const [form, argv] of [
        ["command", argvForms.command],
        ["both", argvForms["command and args"]],
      ] as const) {
        const manifest = manifestOf(`same-${form}${flags.join("")}`, argv);
        await kubectlOutput(["apply", ...flags, ...inNamespace], JSON.stringify(manifest));
        const before = await getPod(namespace, manifest.metadata.name);
        expect(before.metadata.annotations).toMatchObject({ "curfew.sh/injected": strategy });
        const { status, stderr } = await kubectl(["apply", ...flags, ...inNamespace], JSON.stringify(manifest));
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        const after = await getPod(namespace, manifest.metadata.name);
        expect(after.spec).toEqual(before.spec);
        expect(after.metadata.annotations).toMatchObject({ "curfew.sh/injected": strategy });
      }
    });
  }

  it("is unchanged by `kubectl replace` of what `kubectl get` gave", async () => {
    const manifest = manifestOf("replace", argvForms.command);
    await kubectlOutput(["create", ...inNamespace], JSON.stringify(manifest));
    const before = await getPod(namespace, manifest.metadata.name);
    const { status, stderr } = await kubectl(["replace", ...inNamespace], JSON.stringify(before));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect((await getPod(namespace, manifest.metadata.name)).spec).toEqual(before.spec);
  });

  it("can be labelled and annotated by its manifest, and still refuses a changed command", async () => {
    const manifest = manifestOf("changed", argvForms.command);
    await kubectlOutput(["apply", ...inNamespace], JSON.stringify(manifest));
    const before = await getPod(namespace, manifest.metadata.name);
    const labelled = {
      ...manifest,
      metadata: {
        ...manifest.metadata,
        labels: { ...manifest.metadata.labels, team: "a" },
        annotations: { ...manifest.metadata.annotations, note: "b" },
      },
    };
    await kubectlOutput(["apply", ...inNamespace], JSON.stringify(labelled));
    const after = await getPod(namespace, manifest.metadata.name);
    expect(after.metadata).toMatchObject({
      labels: { team: "a" },
      annotations: { note: "b", "curfew.sh/injected": strategy },
    });
    expect(after.spec).toEqual(before.spec);
    const changed = manifestOf("changed", { command: ["sh", "-c", "echo changed"] });
    for (const flags of [[], ["--server-side", "--force-conflicts"]]) {
      const { status, stderr } = await kubectl(["apply", ...flags, ...inNamespace], JSON.stringify(changed));
      expect(status).toBe(1);
      expect(stderr).toContain("pod updates may not change fields other than");
    }
  });
});

describe.concurrent("with a container that another webhook adds to Pods", () => {
  let remove: () => Promise<void>;
  beforeAll(async () => {
    remove = await addWebhook("zz-adds", "pods", (object) => {
      const { metadata, spec } = object as Pod & { metadata: { generateName?: string } };
      const isOurs = (metadata.name || (metadata.generateName ?? "")).startsWith("late-");
      const isThere = [...spec.containers, ...(spec.initContainers ?? [])].some(({ name }) => name === "late");
      return !isOurs || isThere ? [] : [{ op: "add", path: "/spec/containers/0", value: politeSidecar("late") }];
    });
  });
  afterAll(async () => {
    await remove();
  });
  const roles = ({ spec }: Pod) => [spec.initContainers?.at(-1)?.name, ...spec.containers.map(({ name }) => name)];

  for (const [apply, flags] of Object.entries(flagsOfApply)) {
    for (const [strategy, names] of [
      ["trap", ["late", "main", "sidecar"]],
      ["native", ["late", "main"]],
    ] as const) {
      const annotations = { "curfew.sh/main": "main", "curfew.sh/strategy": strategy };
      const containers = [script("main", "true"), politeSidecar()];
      const slug = `late-${strategy}${flags.join("")}`;

      it(`a Pod under ${strategy} is unchanged by \`${apply}\` of the same manifest`, async () => {
        const manifest = JSON.stringify(pod(slug, containers, { annotations }));
        await kubectlOutput(["apply", ...flags, ...inNamespace], manifest);
        const before = await getPod(namespace, slug);
        expect(roles(before)).toEqual(names);
        const { status, stderr } = await kubectl(["apply", ...flags, ...inNamespace], manifest);
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        expect((await getPod(namespace, slug)).spec).toEqual(before.spec);
      });

      it(`a Job under ${strategy} is unchanged by \`${apply}\` of the same manifest`, async () => {
        const manifest = JSON.stringify(job(`${slug}-job`, containers, { annotations }));
        await kubectlOutput(["apply", ...flags, ...inNamespace], manifest);
        const [made] = await until(
          "the Job has a Pod",
          async () => {
            const pods = await podsOf(namespace, `${slug}-job`);
            return pods.length > 0 && pods;
          },
          150,
        );
        expect(made && roles(made)).toEqual(names);
        const before = await stored(`${slug}-job`);
        const { status, stderr } = await kubectl(["apply", ...flags, ...inNamespace], manifest);
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        expect((await stored(`${slug}-job`)).spec).toEqual(before.spec);
      });
    }
  }
});

describe("a Job that an earlier version of Curfew wrapped", () => {
  it("is unchanged by applying its manifest again", async () => {
    const manifest = job("earlier", [script("main", "echo $HOME"), politeSidecar()], {
      annotations: { "curfew.sh/main": "main" },
      spec: { suspend: true },
    });
    const dryRun = await kubectlOutput(
      ["create", "--dry-run=server", "-o", "json", ...inNamespace],
      JSON.stringify(manifest),
    );
    // What that version stored: the same form with other scripts.
    const earlier = structuredClone(manifest) as unknown as Job;
    const wrapped = (JSON.parse(dryRun) as Job).spec.template.spec;
    const containers = wrapped.containers.map((container) => {
      const [shell = "", flag = "", text = "", name = ""] = container.command ?? [];
      return { ...container, command: [shell, flag, `${text}\n: earlier\n`, name] };
    });
    Object.assign(earlier.spec.template, { spec: { ...wrapped, containers } });
    await kubectlOutput(["create", ...inNamespace], JSON.stringify(earlier));
    const before = await stored("earlier");
    expect(before.spec.template.spec.containers[0]?.command?.[2]).toContain(": earlier");
    for (const flags of [[], ["--server-side", "--force-conflicts"]]) {
      const { status, stderr } = await kubectl(["apply", ...flags, ...inNamespace], JSON.stringify(manifest));
      expect(stderr.replace(/^Warning: resource jobs\/earlier is missing the .* annotation.*$/m, "").trim()).toBe("");
      expect(status).toBe(0);
      expect((await stored("earlier")).spec).toEqual(before.spec);
    }
  });
});
