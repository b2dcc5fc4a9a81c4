/** `curfew check`, with a cluster in which each thing that it looks for is wrong. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { issueAuthority } from "../../../certs/authority.ts";
import { formatKey, generateKeys } from "../../../certs/issue.ts";
import { issueServing } from "../../../certs/serving.ts";
import { accepted, request } from "../support/api.ts";
import { check, findingsOf } from "../support/check.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { testNamespace } from "../support/namespace.ts";
import { breakWebhooks } from "../support/webhooks.ts";

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const WEBHOOKS = `${ADMISSION}/mutatingwebhookconfigurations`;
/** Where a second Curfew seems to run. */
const namespace = testNamespace("check");
const enabled = testNamespace("check-enabled", { "curfew.sh/enabled": "true" });
const excluded = testNamespace("check-excluded", { "curfew.sh/enabled": "true", "curfew.sh/excluded": "" });
const configurations = ["check-test"];
const OTHER = { namespace, configurations };

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const DAY_MS = 86_400_000;
const keys = generateKeys();

/** What `curfew certs` had in its Secret `daysAgo`. */
function issued(daysAgo: number) {
  const now = new Date(Date.now() - daysAgo * DAY_MS);
  const authority = issueAuthority({ now, lifetimeMs: 365 * DAY_MS }, keys);
  const host = `curfew-admission.${namespace}.svc`;
  const { certificate, key } = issueServing(authority, [host], { now, lifetimeMs: 30 * DAY_MS }, keys);
  return {
    "ca.crt": base64(authority.certificate.toString()),
    "ca.key": base64(formatKey(authority.key)),
    "tls.crt": base64(certificate.toString()),
    "tls.key": base64(formatKey(key)),
  };
}

/** Looks at Jobs that no test creates. */
const configuration = (name: string, caBundle: string, more: object = {}) => ({
  metadata: { name, labels: { "app.kubernetes.io/version": "0.0.1" } },
  webhooks: [
    {
      name: `${name}.example.org`,
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      failurePolicy: "Fail",
      objectSelector: { matchLabels: { "check-test": "never" } },
      clientConfig: { service: { namespace, name: "curfew-admission" }, ...(caBundle && { caBundle }) },
      rules: [{ apiGroups: ["batch"], apiVersions: ["v1"], resources: ["jobs"], operations: ["CREATE"] }],
      ...more,
    },
  ],
});

const put = async (at: string, object: object): Promise<void> => {
  accepted(await request("POST", at, object));
};

/** Creates it for as long as `use` takes. */
async function having<T>(at: string, object: { metadata: { name: string } }, use: () => Promise<T>): Promise<T> {
  await put(at, object);
  try {
    return await use();
  } finally {
    await request("DELETE", `${at}/${object.metadata.name}`);
  }
}

it("each entry of the webhooks, each policy and each namespace is found as it is", async () => {
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
  expect(of("opt-in-without-effect")).toEqual([
    `warning: ${excluded} isn't opted in, although it has curfew.sh/enabled: curfew.sh/excluded wins`,
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
        /^bad: a planned Job's Pod .* isn't planned: containers-added-to-pods-of-jobs.curfew.sh got no answer/,
      ),
      expect.stringMatching(
        /^bad: a Job without the label .* isn't planned: jobs-in-enabled-namespaces.curfew.sh got no answer/,
      ),
    ]);
  });
});

it("a policy that nothing binds is bad", async () => {
  const at = `${ADMISSION}/validatingadmissionpolicybindings`;
  const { metadata, spec } = accepted(await request("GET", `${at}/curfew-pods`));
  accepted(await request("DELETE", `${at}/curfew-pods`));
  try {
    expect(await findingsOf("policies", { namespace })).toContain(
      "bad: ValidatingAdmissionPolicyBinding curfew-pods doesn't bind the policy curfew-pods",
    );
  } finally {
    const { name, labels } = metadata;
    await put(at, { metadata: { name, labels }, spec });
  }
});

describe("an installation with old and broken parts", () => {
  const secret = `/api/v1/namespaces/${namespace}/secrets`;
  const labels = { "app.kubernetes.io/name": "curfew", "app.kubernetes.io/component": "admission" };
  beforeAll(async () => {
    await put(secret, { metadata: { name: "own-secret" }, data: issued(33) });
    await put(WEBHOOKS, configuration("check-test", issued(0)["ca.crt"]));
    const volumes = [{ name: "certificate", secret: { secretName: "own-secret" } }];
    const containers = [{ name: "admission", image: "registry.example/curfew:0.0.2" }];
    await put(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
      metadata: { name: "curfew-admission", labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers, volumes } },
      },
    });
    await put(`/api/v1/namespaces/${namespace}/events`, {
      metadata: { name: "refused" },
      involvedObject: { kind: "CronJob", namespace, name: "nightly" },
      ...{ reason: "FailedCreate", type: "Warning", lastTimestamp: new Date().toISOString() },
      message:
        'Error creating job: admission webhook "jobs-labelled-enabled-need-curfew-running.curfew.sh" denied the request: unclear',
    });
  });
  afterAll(async () => {
    await request("DELETE", `${WEBHOOKS}/check-test`);
  });

  it("is told by each of them", async () => {
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
        "bad ca-bundles: 0 of 1 webhooks have a caBundle that trusts the authority; not check-test.example.org",
        expect.stringMatching(`^warning refused-by-events: CronJob ${namespace}/nightly couldn't create an object`),
      ]),
    );
  });

  it("is told without what somebody may not look at, and with the permission that it takes", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "curfew-check-"));
    const token = (await kubectlOutput(["create", "token", "default", "-n", namespace])).trim();
    const own = parse(await kubectlOutput(["config", "view", "--raw"])) as { users: { user: object }[] };
    for (const user of own.users) user.user = { token };
    const kubeconfig = path.join(folder, "kubeconfig");
    writeFileSync(kubeconfig, stringify(own));
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
    rmSync(folder, { recursive: true });
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

  it("finds webhooks that come after Curfew's turn, and those that refuse all Jobs because nothing answers", async () => {
    const late = configuration("zzz-check", "", { objectSelector: {} });
    const findings = await having(WEBHOOKS, late, () => check({ pre: true }));
    expect(findings.map(({ mark, check: id, text }) => `${mark} ${id}: ${text}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^warning webhooks-after: run after curfew for Jobs: .*zzz-check/),
        `bad webhooks-down: zzz-check refuses all new Jobs: its Service ${namespace}/curfew-admission has no ready Pod`,
      ]),
    );
  });

  it("finds what turns off an admission plugin", async () => {
    const command = ["kube-apiserver", "--disable-admission-plugins=ValidatingAdmissionPolicy"];
    const pod = {
      metadata: { name: "kube-apiserver-check", labels: { component: "kube-apiserver" } },
      spec: { containers: [{ name: "kube-apiserver", image: "x", command }] },
    };
    await having("/api/v1/namespaces/kube-system/pods", pod, async () => {
      expect(await findingsOf("admission-plugins", { pre: true })).toEqual([
        "bad: the API server disables ValidatingAdmissionPolicy",
      ]);
    });
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

/** Runs the command line. */
function curfew(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const cli = path.join(import.meta.dirname, "../../../src/cli.ts");
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
