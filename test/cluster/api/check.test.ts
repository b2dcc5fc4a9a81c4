/**
 * `curfew check` on a cluster in which everything that it looks for goes wrong. The last test proves it,
 * by the code that has run in this process, so all of this is in one file. What a real API server can't
 * show is in test/unit: see NOT_HERE.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { metricsOf } from "../../support/cluster/check-facts.ts";
import { accepted, create, request, type KubernetesObject } from "../support/api.ts";
import { change, DAY_MS, deploy, issued, makeReady, OpsPort, put } from "../support/checked-installation.ts";
import { check, findingsOf, lines } from "../support/check.ts";
import { countFindings } from "../support/finding-sites.ts";
import type { Pod } from "../support/jobs.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { until } from "../support/until.ts";
import { addWebhook, breakWebhooks, pauseWebhooks } from "../support/webhooks.ts";
import packageJson from "../../../package.json" with { type: "json" };

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const WEBHOOKS = `${ADMISSION}/mutatingwebhookconfigurations`;
const POLICIES = `${ADMISSION}/validatingadmissionpolicies`;
const BINDINGS = `${ADMISSION}/validatingadmissionpolicybindings`;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
/** Where a second Curfew seems to run, with old and broken parts. */
const namespace = testNamespace("check");
/** Where a third one seems to run, which is fine at first. */
const whole = testNamespace("check-whole");
const enabled = testNamespace("check-enabled", { "curfew.sh/enabled": "true" });
const excluded = testNamespace("check-excluded", { "curfew.sh/enabled": "true", "curfew.sh/excluded": "" });
const odd = testNamespace("check-odd", { "curfew.sh/enabled": "yes" });
const configurations = ["check-test"];
const OTHER = { namespace, configurations };
/** Controllers and the API server's caches take their time on a busy machine. */
const SLOW = { timeout: 150_000 };

/** Looks at Jobs that no test creates. */
const configuration = (name: string, caBundle: string, more: object = {}, version = "0.0.1", of = namespace) => ({
  metadata: { name, labels: { "app.kubernetes.io/version": version } },
  webhooks: [
    {
      name: `${name}.example.org`,
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      failurePolicy: "Fail",
      objectSelector: { matchLabels: { "check-test": "never" } },
      clientConfig: { service: { namespace: of, name: "curfew-admission" }, ...(caBundle && { caBundle }) },
      rules: [{ apiGroups: ["batch"], apiVersions: ["v1"], resources: ["jobs"], operations: ["CREATE"] }],
      ...more,
    },
  ],
});

/** Creates it, and deletes it when `use` is done. */
async function having<T>(
  at: string,
  object: { metadata: { name: string }; spec?: object },
  use: () => Promise<T>,
): Promise<T> {
  await put(at, object);
  try {
    return await use();
  } finally {
    await request("DELETE", `${at}/${object.metadata.name}`);
  }
}

const folder = mkdtempSync(path.join(tmpdir(), "curfew-check-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let unseen: () => Promise<string[]>;
beforeAll(async () => {
  unseen = await countFindings("/src/cluster/check/");
});

describe("a cluster without Curfew", () => {
  let putBack: () => Promise<void>;
  beforeAll(async () => {
    const restore = await pauseWebhooks();
    const names = ["curfew-jobs", "curfew-pods"].map((name) => `${POLICIES}/${name}`);
    const policies = await Promise.all(names.map(async (name) => accepted(await request("GET", name))));
    for (const name of names) accepted(await request("DELETE", name));
    putBack = async () => {
      for (const { metadata, spec } of policies) {
        const { name, labels } = metadata;
        await put(POLICIES, { metadata: { name, labels }, spec });
      }
      const trial = job("trial", [script("main", "true"), politeSidecar()]);
      await until("the policies refuse again what no webhook has seen", async () => {
        return (await create("default", trial, "?dryRun=All")).body.message?.includes("hasn't seen it");
      });
      await restore();
    };
  });
  afterAll(async () => {
    await putBack();
  });

  it("is told that, and nothing else", async () => {
    expect([...new Set((await check()).map((each) => each.check))].slice(-1)).toEqual(["installed"]);
    expect(await findingsOf("installed")).toEqual([expect.stringMatching(/^bad: Curfew isn't installed: none of its/)]);
  });

  it("has no earlier installation", async () => {
    // Another test's namespace may not have gone yet.
    await expect.poll(() => findingsOf("earlier-installation", { pre: true }), SLOW).toEqual(["good: there's none"]);
  });

  it("is told which policies are missing, if there's a webhook configuration", async () => {
    await having(WEBHOOKS, configuration("check-test", ""), async () => {
      expect(await findingsOf("policies", OTHER)).toEqual([
        "bad: ValidatingAdmissionPolicy curfew-jobs doesn't exist",
        "bad: ValidatingAdmissionPolicy curfew-pods doesn't exist",
      ]);
    });
  });

  it("is told of a webhook that takes from Pods what Curfew needs", async () => {
    const remove = await addWebhook(
      "zz-strips",
      "pods",
      (object) => {
        const { containers, initContainers = [] } = (object as Pod).spec;
        const sidecar = initContainers.findIndex(({ restartPolicy }) => restartPolicy === "Always");
        if (sidecar !== -1) return [{ op: "remove", path: `/spec/initContainers/${sidecar}/restartPolicy` }];
        return containers.map((_, index) => ({
          op: "replace",
          path: `/spec/containers/${index}/command`,
          value: ["x"],
        }));
      },
      { namespace },
    );
    try {
      const found = (await findingsOf("wrapped-pods", { pre: true })).filter((each) => each.includes(` ${namespace}`));
      expect(found.map((each) => each.replace(/,.*/, ""))).toEqual([
        expect.stringMatching(`^bad: a webhook changes Pods of strategy trap in ${namespace}: .* gets another command`),
        `bad: a webhook changes Pods of strategy native in ${namespace}: sidecar loses restartPolicy: Always`,
      ]);
    } finally {
      await remove();
    }
  });
});

it("each webhook entry, policy and namespace is reported as it is", async () => {
  const findings = await check({ namespace });
  const of = (id: string) => findings.filter((each) => each.check === id).map(({ mark, text }) => `${mark}: ${text}`);
  expect(of("webhook-entries")).toEqual([
    "good: a Job with the label in default is planned",
    "good: a Job with the annotation in default is planned",
    "good: a Pod with the label in default is planned",
    "good: a planned Job's Pod with an added container in default is planned",
    `good: a Job without the label in ${enabled} is planned`,
  ]);
  expect(of("policies").map((each) => each.split(":")[0])).toEqual(["good", "good", "good"]);
  expect(of("manifest-version").map((each) => each.split(":")[0])).toEqual(["good", "good"]);
  expect(of("opted-in").join()).toContain(enabled);
  expect(of("excluded").join()).toContain(excluded);
  expect(of("opt-in-without-effect").filter((each) => each.includes(" check-"))).toEqual([
    `warning: ${excluded} isn't opted in, although it has curfew.sh/enabled: curfew.sh/excluded wins`,
    `warning: ${odd} isn't opted in: its curfew.sh/enabled is "yes", not "true"`,
  ]);
  expect(of("deployments")).toContain(`bad: there's no Deployment for admission in ${namespace}`);
});

describe("webhooks that don't answer", () => {
  let repair: () => Promise<void>;
  beforeAll(async () => {
    repair = await breakWebhooks();
  });
  afterAll(async () => {
    await repair();
  });

  it("are bad, whether the API server refuses the Job or creates it as it is", async () => {
    const found = await findingsOf("webhook-entries", { namespace });
    expect(found).toEqual([
      expect.stringMatching(
        /^bad: a Job with the label .* "jobs-labelled-enabled-need-curfew-running.curfew.sh" doesn't answer: .*refused/,
      ),
      expect.stringMatching(/^bad: a Job with the annotation .* doesn't answer: /),
      expect.stringMatching(/^bad: a Pod with the label .* doesn't answer: /),
      expect.stringMatching(
        /^bad: a planned Job's Pod .* isn't planned: containers-added-to-pods-of-jobs.curfew.sh didn't answer/,
      ),
      expect.stringMatching(
        /^bad: a Job without the label .* isn't planned: jobs-in-enabled-namespaces.curfew.sh didn't answer/,
      ),
    ]);
  });
});

it("an entry that's missing from the webhooks is named", async () => {
  const at = `${WEBHOOKS}/curfew`;
  const { webhooks } = accepted(await request<KubernetesObject & { webhooks: { name: string }[] }>("GET", at));
  const entry = "jobs-in-enabled-namespaces.curfew.sh";
  await change(at, { webhooks: webhooks.filter(({ name }) => name !== entry) });
  try {
    await expect
      .poll(() => findingsOf("webhook-entries", { namespace }), SLOW)
      .toContain(`bad: a Job without the label in ${enabled} isn't planned: no webhook is named ${entry}`);
  } finally {
    await change(at, { webhooks });
  }
  await expect
    .poll(() => findingsOf("webhook-entries", { namespace }), SLOW)
    .toContain(`good: a Job without the label in ${enabled} is planned`);
});

it("a policy that nothing binds is bad, and one that denies nothing is a warning", async () => {
  const { metadata, spec } = accepted(await request("GET", `${BINDINGS}/curfew-pods`));
  const { name, labels } = metadata;
  accepted(await request("DELETE", `${BINDINGS}/curfew-pods`));
  try {
    expect(await findingsOf("policies", { namespace })).toContain(
      "bad: ValidatingAdmissionPolicyBinding curfew-pods doesn't bind the policy curfew-pods",
    );
  } finally {
    await put(BINDINGS, { metadata: { name, labels }, spec });
  }
  try {
    await change(`${BINDINGS}/curfew-pods`, { spec: { validationActions: ["Audit"] } });
    expect(await findingsOf("policies", { namespace })).toContain(
      "warning: ValidatingAdmissionPolicyBinding curfew-pods refuses nothing: its validationActions are Audit",
    );
  } finally {
    await change(`${BINDINGS}/curfew-pods`, { spec });
  }
});

it("namespaces are opted in as the webhooks' selectors say, and kube-system never is", async () => {
  const optsIn = (name: string) => ({
    name: "jobs-in-enabled-namespaces.curfew.sh",
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
  });
  const kubeSystem = "/api/v1/namespaces/kube-system";
  const ids = ["opted-in", "opt-in-without-effect"];
  try {
    await change(kubeSystem, { metadata: { labels: { "curfew.sh/enabled": "true" } } });
    const found = await having(WEBHOOKS, configuration("check-test", "", optsIn(odd)), () => lines(OTHER, ...ids));
    expect(found).toEqual(
      expect.arrayContaining([
        `good opted-in: 1 opted in with all their Jobs: ${odd}`,
        `warning opt-in-without-effect: ${enabled} isn't opted in, although it has curfew.sh/enabled: the webhooks' namespaceSelector leaves it out`,
        "warning opt-in-without-effect: kube-system isn't opted in, although it has curfew.sh/enabled: it's always excluded",
      ]),
    );
    const none = await having(WEBHOOKS, configuration("check-test", "", optsIn("nowhere")), () => lines(OTHER, ...ids));
    expect(none[0]).toMatch(/^good opted-in: none is opted in/);
  } finally {
    await change(kubeSystem, { metadata: { labels: { "curfew.sh/enabled": null } } });
  }
});

it("nodes that are too old for native sidecars are counted", async () => {
  const node = (name: string, kubeletVersion: string) => ({
    metadata: { name },
    spec: { unschedulable: true },
    status: { nodeInfo: { kubeletVersion } },
  });
  await having("/api/v1/nodes", node("check-new", "v1.36.0"), async () => {
    expect(await findingsOf("kubelet-versions", { pre: true })).toEqual(["good: 1 of 1 nodes support native sidecars"]);
    await having("/api/v1/nodes", node("check-old", "v1.28.9"), async () => {
      expect(await findingsOf("kubelet-versions", { pre: true })).toEqual([
        "warning: 1 of 2 nodes are older than 1.29 and don't support native sidecars",
      ]);
    });
  });
});

it("if the API server doesn't answer in time, the webhooks are bad, and everything else is skipped", async () => {
  const findings = await check({ namespace, timeoutMs: 1 });
  expect(findings.filter(({ mark }) => mark === "bad").map(({ text }) => text)).toContainEqual(
    expect.stringMatching(/^a Job with the label in default gets no answer: can't create jobs in default: /),
  );
  expect((await check({ pre: true, timeoutMs: 1 })).filter(({ skipped }) => skipped).length).toBeGreaterThan(3);
});

describe("an installation with old and broken parts", () => {
  const secret = `/api/v1/namespaces/${namespace}/secrets`;
  const refuse = (name: string): Promise<void> =>
    put(`/api/v1/namespaces/${namespace}/events`, {
      metadata: { name: `refused-${name}` },
      involvedObject: { kind: "CronJob", namespace, name },
      ...{ reason: "FailedCreate", type: "Warning", lastTimestamp: new Date().toISOString().replace(/\.\d+/, "") },
      message:
        'Error creating job: admission webhook "jobs-labelled-enabled-need-curfew-running.curfew.sh" denied the request: unclear',
    });
  beforeAll(async () => {
    await put(secret, { metadata: { name: "own-secret" }, data: issued(namespace, 33).data });
    await put(WEBHOOKS, configuration("check-test", issued(namespace).data["ca.crt"]));
    await deploy(namespace, "admission", { replicas: 2, version: "0.0.2" });
    await refuse("nightly");
  });
  afterAll(async () => {
    await request("DELETE", `${WEBHOOKS}/check-test`);
  });

  it("is told about each of them", async () => {
    const found = (await check(OTHER))
      .filter(({ mark }) => mark !== "good")
      .map((each) => `${each.mark} ${each.check}: ${each.text}`);
    expect(found).toEqual(
      expect.arrayContaining([
        "bad deployments: curfew-admission: 0 of 2 Pods are ready",
        `bad deployments: there's no Deployment for certs in ${namespace}`,
        "warning server-version: curfew-admission is version 0.0.2, but this program is 0.1.0",
        "warning manifest-version: MutatingWebhookConfiguration check-test is version 0.0.1, but this program is 0.1.0",
        "bad ops-port: no admission Pod is ready, so none can answer",
        expect.stringMatching(/^bad certificates: serving certificate .*, expired 3 days ago$/),
        "bad ca-bundles: 0 of 1 webhooks have a caBundle that trusts the authority; these don't: check-test.example.org",
        expect.stringMatching(`^warning refused-by-events: CronJob ${namespace}/nightly couldn't create an object`),
      ]),
    );
  });

  it("is told how many more were refused", async () => {
    for (const name of ["a", "b", "c", "d"]) await refuse(name);
    expect((await findingsOf("refused-by-events", OTHER)).at(-1)).toMatch(/^warning: and \d+ more$/);
  });

  it("is told what somebody isn't allowed to look at, and which permission it takes", async () => {
    const kubeconfig = await kubeconfigOf(namespace);
    const findings = await check({ ...OTHER, kubeconfig });
    expect(findings.filter(({ mark }) => mark === "bad")).toEqual([]);
    expect(findings.filter(({ skipped }) => skipped).map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        "skipped: you're not allowed to list mutatingwebhookconfigurations",
        `skipped: you're not allowed to list deployments in ${namespace}`,
        `skipped: you're not allowed to get the Secret ${namespace}/curfew-certificates`,
        "skipped: a Job with the label in default: you're not allowed to create jobs in default",
        "skipped: you're not allowed to list events",
      ]),
    );
    expect(await findingsOf("permissions", { ...OTHER, kubeconfig, pre: true })).toContain(
      "bad: you're not allowed to get, create, patch clusterroles",
    );
  });

  it("ends the command with 1, and -o json has all of it", async () => {
    const flags = ["-n", namespace, "--webhook-configuration", "check-test", "--request-timeout", "60s", "-o", "json"];
    const { code, stdout } = await curfew("check", ...flags);
    expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1, pre: false, result: "bad" });
    expect(code).toBe(1);
  });
});

it("a cluster that can't be asked ends the command with 2, and one line says why", async () => {
  const { code, stdout, stderr } = await curfew("check", "--context", "nowhere");
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/^curfew check: the context "nowhere" isn't in .*\n$/);
});

describe("--pre", () => {
  it("finds an earlier installation", async () => {
    expect(await findingsOf("earlier-installation", { pre: true })).toEqual([
      expect.stringMatching(
        /^warning: found .*MutatingWebhookConfiguration curfew, .*ValidatingAdmissionPolicy curfew-jobs/,
      ),
    ]);
  });

  it("finds webhooks that run after Curfew, and those that refuse all Jobs because nothing answers", async () => {
    const late = configuration("zzz-check", "", { objectSelector: {} });
    const rules = [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }];
    const forPods = configuration("zzy-check", "", { rules });
    const findings = await having(WEBHOOKS, late, () => having(WEBHOOKS, forPods, () => check({ pre: true })));
    expect(findings.map(({ mark, check: id, text }) => `${mark} ${id}: ${text}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^warning webhooks-after: run after curfew for Jobs: .*zzz-check/),
        "warning webhooks-after: run after zz-curfew for Pods: zzy-check",
        `warning webhooks-down: zzy-check refuses some new Pods: its Service ${namespace}/curfew-admission has no ready Pod`,
        `bad webhooks-down: zzz-check refuses all new Jobs: its Service ${namespace}/curfew-admission has no ready Pod`,
      ]),
    );
  });

  it("finds webhooks and policies that run before Curfew, which is fine", async () => {
    const before = () => findingsOf("webhooks-before", { pre: true });
    expect(await before()).toEqual(["good: none changes them before Curfew"]);
    expect(await findingsOf("webhooks-after", { pre: true })).toEqual(["good: none changes them after Curfew"]);
    const policies = `${ADMISSION}/mutatingadmissionpolicies`;
    const policy = {
      metadata: { name: "check-labels" },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: ["batch"], apiVersions: ["v1"], resources: ["jobs"], operations: ["CREATE"] }],
        },
        reinvocationPolicy: "Never",
        mutations: [
          {
            patchType: "ApplyConfiguration",
            applyConfiguration: { expression: "Object{metadata: Object.metadata{}}" },
          },
        ],
      },
    };
    // Kubernetes has them since 1.36.
    const arePoliciesServed = (await request("GET", policies)).status === 200;
    const found = await having(WEBHOOKS, configuration("aa-check", ""), () =>
      arePoliciesServed ? having(policies, policy, before) : before(),
    );
    const names = arePoliciesServed ? "check-labels, aa-check" : "aa-check";
    expect(found).toEqual([`good: run before Curfew, which sees their changes: ${names}`]);
  });

  it("finds an API server that turns off an admission plugin", async () => {
    const pod = (name: string, ...flags: readonly string[]) => ({
      metadata: { name, labels: { component: "kube-apiserver" } },
      spec: { containers: [{ name: "kube-apiserver", image: "x", command: ["kube-apiserver", ...flags] }] },
    });
    const pods = "/api/v1/namespaces/kube-system/pods";
    await having(pods, pod("kube-apiserver-check"), async () => {
      expect(await findingsOf("admission-plugins", { pre: true })).toEqual([
        "good: the API server's flags don't disable any admission plugin that Curfew needs",
      ]);
      const flag = "--disable-admission-plugins=ValidatingAdmissionPolicy";
      await having(pods, pod("kube-apiserver-check-2", flag), async () => {
        expect(await findingsOf("admission-plugins", { pre: true })).toEqual([
          "bad: the API server disables ValidatingAdmissionPolicy",
        ]);
      });
    });
  });

  it("skips namespaces that accept no plain Pod, or in which you aren't allowed to create one", async () => {
    const limits = [{ type: "Container", max: { cpu: "5m" } }];
    await having(
      `/api/v1/namespaces/${odd}/limitranges`,
      { metadata: { name: "tiny" }, spec: { limits } },
      async () => {
        await expect
          .poll(() => findingsOf("wrapped-pods", { pre: true }), SLOW)
          .toContainEqual(
            expect.stringMatching(`^warning: skipped: even a plain Pod is refused in ${odd}: .*maximum cpu`),
          );
      },
    );
    const rules = [{ apiGroups: [""], resources: ["namespaces"], verbs: ["list"] }];
    const kubeconfig = await kubeconfigOf(odd, [], rules);
    try {
      await expect
        .poll(() => findingsOf("wrapped-pods", { pre: true, kubeconfig }), SLOW)
        .toEqual([expect.stringMatching(/^warning: skipped: .*: you're not allowed to create pods in /)]);
    } finally {
      await request("DELETE", `${RBAC}/clusterrolebindings/${odd}`);
      await request("DELETE", `${RBAC}/clusterroles/${odd}`);
    }
  });

  it("finds a namespace whose policy refuses the Pods of a strategy", async () => {
    const policy = {
      metadata: { name: "check-no-memory" },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }],
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        },
        validations: [
          {
            expression: "object.spec.?volumes.orValue([]).all(v, v.?emptyDir.?medium.orValue('') != 'Memory')",
            message: "no emptyDir in memory",
          },
        ],
      },
    };
    const binding = {
      metadata: { name: "check-no-memory" },
      spec: { policyName: "check-no-memory", validationActions: ["Deny"] },
    };
    await having(`${ADMISSION}/validatingadmissionpolicies`, policy, () =>
      having(`${ADMISSION}/validatingadmissionpolicybindings`, binding, async () => {
        await expect
          .poll(() => findingsOf("wrapped-pods", { pre: true }), { timeout: 150_000 })
          .toContainEqual(
            expect.stringMatching(`^warning: ${namespace} refuses Pods of strategy trap: .*no emptyDir in memory`),
          );
        expect((await findingsOf("validation", { pre: true })).join()).toContain("check-no-memory");
      }),
    );
  });
});

describe("an installation whose Pods are played by these tests", () => {
  const secrets = `/api/v1/namespaces/${whole}/secrets`;
  const deployments = `/apis/apps/v1/namespaces/${whole}/deployments`;
  const own = { namespace: whole, configurations: ["check-whole"] };
  const fresh = issued(whole);
  const ops = new OpsPort();
  /** The checks of Curfew's own parts. */
  const CHECKS = ["deployments", "server-version", "manifest-version", "ops-port", "certificates", "ca-bundles"].concat(
    ...["presented-certificate", "refused-by-metrics"],
  );
  const trouble = async (run = {}): Promise<string[]> =>
    (await lines({ ...own, ...run }, ...CHECKS)).filter((line) => !line.startsWith("good"));
  const withSecret = async (data: object): Promise<string[]> => {
    // Null removes a key.
    const none = { "ca.crt": null, "ca.key": null, "tls.crt": null, "tls.key": null };
    await change(`${secrets}/own-secret`, { data: { ...none, ...data } });
    try {
      return await trouble();
    } finally {
      await change(`${secrets}/own-secret`, { data: fresh.data });
    }
  };

  beforeAll(async () => {
    ops.metrics = metricsOf(fresh.until);
    await ops.open();
    await put(secrets, { metadata: { name: "own-secret" }, data: fresh.data });
    const version = packageJson.version;
    await put(WEBHOOKS, configuration("check-whole", fresh.data["ca.crt"], {}, version, whole));
    await deploy(whole, "admission", { replicas: 2, ops });
    await deploy(whole, "certs", { replicas: 1 });
    await makeReady(whole, "admission", 2, ops.address);
    await makeReady(whole, "certs", 1);
  });
  afterAll(async () => {
    await request("DELETE", `${WEBHOOKS}/check-whole`);
    ops.close();
  });

  it("has only good findings", async () => {
    expect(await trouble()).toEqual([]);
    const good = await lines(own, ...CHECKS);
    expect([...new Set(good.map((line) => line.split(/[ :]/)[1]))].sort()).toEqual(CHECKS.toSorted());
    expect(good).toContain("good ops-port: 2 of 2 admission Pods answer");
    expect(good).toContain("good presented-certificate: 2 of 2 Pods serve the Secret's certificate, 29 days left");
  });

  it("is told of an operations port that doesn't answer, or that you aren't allowed to ask", async () => {
    ops.close();
    expect(await trouble()).toEqual([
      expect.stringMatching(/^warning ops-port: skipped: 0 of 2 admission Pods answer: can't get .*connection refused/),
    ]);
    await ops.open();
    const mayNot = await kubeconfigOf(whole, [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }]);
    await expect
      .poll(() => lines({ ...own, kubeconfig: mayNot }, "ops-port"), SLOW)
      .toEqual([
        `warning ops-port: skipped: 0 of 2 admission Pods answer: you're not allowed to get pods/proxy in ${whole}`,
      ]);
  });

  it("is told of Pods that serve another certificate, or one that has expired, and of failed reviews", async () => {
    const failed = 'curfew_admission_requests_total{kind="Job",operation="CREATE",outcome="failed",reason="bug"} 2';
    try {
      ops.metrics = metricsOf(new Date(fresh.until.getTime() - DAY_MS), failed);
      const pods = [
        expect.stringMatching(/^warning presented-certificate: .* other than the Secret's, 28 days left$/) as unknown,
      ];
      expect(await trouble()).toEqual([
        ...pods,
        ...pods,
        "warning refused-by-metrics: reviews without an answer since then: bug 4",
      ]);
      ops.metrics = metricsOf(new Date(Date.now() - 2.5 * DAY_MS));
      const bad = expect.stringMatching(
        /^bad presented-certificate: .* other than the Secret's, expired 2 days ago$/,
      ) as unknown;
      expect(await trouble()).toEqual([bad, bad]);
    } finally {
      ops.metrics = metricsOf(fresh.until);
    }
  });

  it("is told of certificates that are old, for another host, missing, or not trusted", async () => {
    const old = issued(whole, 21);
    expect(await withSecret(old.data)).toContainEqual(
      expect.stringMatching(/^warning certificates: serving certificate .*, due for renewal since .*, 8 days left$/),
    );
    expect(await withSecret(issued("elsewhere", 0, fresh.authority).data)).toContain(
      "bad ca-bundles: 0 of 1 webhooks have a caBundle that trusts the authority; these don't: check-whole.example.org",
    );
    expect(await withSecret({})).toEqual(
      expect.arrayContaining([
        "bad certificates: no authority with its key in the Secret",
        "bad certificates: no serving certificate with its key in the Secret",
      ]),
    );
    accepted(await request("DELETE", `${secrets}/own-secret`));
    try {
      expect(await trouble()).toEqual([
        `bad certificates: Secret ${whole}/own-secret doesn't exist: is curfew certs running?`,
      ]);
    } finally {
      await put(secrets, { metadata: { name: "own-secret" }, data: fresh.data });
    }
    expect(await lines({ namespace: whole }, "certificates")).toContain(
      `bad certificates: MutatingWebhookConfiguration curfew calls no Service in ${whole}`,
    );
  });

  it("needs no authority's key if cert-manager issues the certificates", async () => {
    const withoutKey = { ...fresh.data, "ca.key": null };
    expect(await withSecret(withoutKey)).toContain("bad certificates: no authority with its key in the Secret");
    const annotations = { "cert-manager.io/inject-ca-from": `${whole}/own-secret` };
    await change(`${WEBHOOKS}/check-whole`, { metadata: { annotations } });
    expect(await withSecret(withoutKey)).toEqual([]);
    await change(`${WEBHOOKS}/check-whole`, { metadata: { annotations: { "cert-manager.io/inject-ca-from": null } } });
  });

  it("is told of manifests that don't say their version", async () => {
    const key = "app.kubernetes.io/version";
    await change(`${WEBHOOKS}/check-whole`, { metadata: { labels: { [key]: null } } });
    expect(await trouble()).toEqual([
      `warning manifest-version: MutatingWebhookConfiguration check-whole doesn't say its version: it has no label ${key}`,
    ]);
    await change(`${WEBHOOKS}/check-whole`, { metadata: { labels: { [key]: packageJson.version } } });
  });

  // The last test, as it doesn't restore the Deployments.
  it("is told of Deployments that have too few Pods, are being rolled out, or are scaled to 0", async () => {
    const scale = (component: string, replicas: number): Promise<void> =>
      change(`${deployments}/curfew-${component}`, { spec: { replicas } });
    const found = () => trouble().then((all) => all.filter((line) => line.includes(" deployments: ")));
    await scale("admission", 3);
    await expect.poll(found, SLOW).toEqual(["warning deployments: curfew-admission: 2 of 3 Pods are ready"]);
    await scale("admission", 2);
    await expect.poll(found, SLOW).toEqual([]);
    const template = { metadata: { annotations: { "check-test": "new" } } };
    await change(`${deployments}/curfew-admission`, { spec: { template } });
    await expect
      .poll(found, SLOW)
      .toEqual(["warning deployments: curfew-admission is being rolled out: 1 of 2 Pods are new"]);
    await deploy(whole, "dispatch", { replicas: 0 });
    for (const component of ["admission", "certs"]) await scale(component, 0);
    expect(await found()).toEqual([
      "bad deployments: curfew-admission is scaled to 0: no Job is planned, and Jobs that opt in themselves are refused",
      "warning deployments: curfew-certs is scaled to 0: nothing renews the certificate",
      "warning deployments: curfew-dispatch is scaled to 0",
    ]);
  });
});

/** A kubeconfig of a namespace's default ServiceAccount, with these rules in the namespace and `more` in all. */
async function kubeconfigOf(of: string, rules: readonly object[] = [], more: readonly object[] = []): Promise<string> {
  const subjects = [{ kind: "ServiceAccount", name: "default", namespace: of }];
  for (const [at, kind, own] of [
    [`${RBAC}/namespaces/${of}/role`, "Role", rules],
    [`${RBAC}/clusterrole`, "ClusterRole", more],
  ] as const) {
    if (own.length === 0) continue;
    await put(`${at}s`, { metadata: { name: of }, rules: own });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name: of };
    await put(`${at}bindings`, { metadata: { name: of }, roleRef, subjects });
  }
  const token = (await kubectlOutput(["create", "token", "default", "-n", of])).trim();
  const config = parse(await kubectlOutput(["config", "view", "--raw"])) as { users: { user: object }[] };
  for (const user of config.users) user.user = { token };
  const file = path.join(folder, of);
  writeFileSync(file, stringify(config));
  return file;
}

/** What only an old or broken API server shows, or none: test/unit/cluster/check has it. */
const NOT_HERE = [
  /^kubernetes.ts: .*older than|^kubernetes.ts: bad\(`version/,
  /^kubernetes.ts: .*doesn't serve/,
  /^wrappers.ts: .*there's no namespace to try them in/,
  // One of two dry runs at the same moment gets no answer.
  /^wrappers.ts: .*notLookedAt\(outcome/,
];

it("every finding that the code can make was provoked by the tests above", async () => {
  const missing = (await unseen()).filter((line) => !NOT_HERE.some((pattern) => pattern.test(line)));
  expect(missing).toEqual([]);
});

/** Runs the command line. */
function curfew(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const cli = path.join(import.meta.dirname, "../../../src/cli.ts");
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
