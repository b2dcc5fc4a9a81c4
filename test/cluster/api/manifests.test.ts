import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";
import { request, type KubernetesObject } from "../support/api.ts";
import { kubectl, kubectlOutput } from "../support/kubectl.ts";
import { asList, renamedManifests } from "../support/renamed-manifests.ts";

const namespace = "manifests-test";
const configuration = `curfew-${namespace}`;

let objects: KubernetesObject[];
beforeAll(async () => {
  objects = await renamedManifests(namespace);
  await kubectlOutput(["apply", "-f", "-"], asList(objects));
});
afterAll(async () => {
  await kubectlOutput(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], asList(objects));
});

/** Every object's generation, or its resourceVersion if it has none. */
async function versions(): Promise<string[]> {
  const wanted = objects.filter(({ kind }) => kind !== "Deployment" && kind !== "PodDisruptionBudget");
  const { items } = JSON.parse(await kubectlOutput(["get", "-f", "-", "-o", "json"], asList(wanted))) as {
    items: { kind: string; metadata: { name: string; generation?: number; resourceVersion: string } }[];
  };
  return items.map(({ kind, metadata: { name, generation, resourceVersion } }) => {
    return `${kind}/${name} ${generation ?? resourceVersion}`;
  });
}

interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks: readonly { readonly name: string }[];
}

const webhookConfigurations = (): readonly WebhookConfiguration[] =>
  objects.filter(({ kind }) => kind === "MutatingWebhookConfiguration") as WebhookConfiguration[];

async function caBundles(name: string): Promise<string> {
  const path = "jsonpath={.webhooks[*].clientConfig.caBundle}";
  return kubectlOutput(["get", "mutatingwebhookconfiguration", name, "-o", path]);
}

/** Whether the ServiceAccount of `curfew certs` may do this. */
async function mayCerts(...what: string[]): Promise<boolean> {
  const as = `--as=system:serviceaccount:${namespace}:curfew-certs`;
  return (await kubectl(["auth", "can-i", ...what, as, "-n", namespace])).status === 0;
}

/** The rules of an account that not every account has. */
async function ownRules(account: string, where = namespace): Promise<string[]> {
  const [own = [], everybodys = []] = await Promise.all(
    [account, "default"].map(async (name) => {
      const as = `--as=system:serviceaccount:${namespace}:${name}`;
      const rules = await kubectlOutput(["auth", "can-i", "--list", "--no-headers", as, "-n", where]);
      return rules.split("\n").map((line) => line.replaceAll(/\s+/g, " ").trim());
    }),
  );
  return own.filter((rule) => !everybodys.includes(rule)).sort();
}

it("manifests/default passes the API server's strict validation", async () => {
  const { stderr, status } = await kubectl(
    ["apply", "--dry-run=server", "--validate=strict", "-f", "-"],
    asList(objects),
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

describe("applying the manifests again", () => {
  it("changes nothing", async () => {
    const before = await versions();
    await kubectlOutput(["apply", "-f", "-"], asList(objects));
    expect(await versions()).toEqual(before);
  });

  it.each([
    ["client-side", ["apply", "-f", "-"]],
    ["server-side", ["apply", "--server-side", "--force-conflicts", "-f", "-"]],
  ])("keeps a caBundle that somebody else has written: %s", async (_, command) => {
    const authority = Buffer.from(createTestAuthority().ca).toString("base64");
    expect(webhookConfigurations()).toHaveLength(2);
    for (const { metadata, webhooks } of webhookConfigurations()) {
      const patch = { webhooks: webhooks.map(({ name }) => ({ name, clientConfig: { caBundle: authority } })) };
      await kubectlOutput(["patch", "mutatingwebhookconfiguration", metadata.name, "--patch", JSON.stringify(patch)]);
    }
    await kubectlOutput(command, asList(objects));
    for (const { metadata, webhooks } of webhookConfigurations())
      expect(await caBundles(metadata.name)).toBe(webhooks.map(() => authority).join(" "));
  });
});

it("the Pods satisfy the restricted Pod Security level that their namespace enforces", async () => {
  const deployments = objects.filter(({ kind }) => kind === "Deployment");
  expect(deployments).toHaveLength(2);
  for (const deployment of deployments) {
    const { template } = deployment["spec"] as { template: { metadata: object } };
    const pod = { ...template, metadata: { ...template.metadata, name: deployment.metadata.name } };
    const { body, status } = await request("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
      apiVersion: "v1",
      kind: "Pod",
      ...pod,
    });
    expect(body.message).toBeUndefined();
    expect(status).toBe(201);
  }
});

describe("RBAC", () => {
  it.each([
    ["get", "secrets/curfew-certificates"],
    ["watch", "secrets/curfew-certificates"],
    ["patch", "secrets/curfew-certificates"],
    ["create", "secrets"],
    ["list", "endpointslices.discovery.k8s.io"],
    ["get", `mutatingwebhookconfigurations.admissionregistration.k8s.io/${configuration}`],
    ["watch", `mutatingwebhookconfigurations.admissionregistration.k8s.io/${configuration}`],
    ["patch", `mutatingwebhookconfigurations.admissionregistration.k8s.io/${configuration}`],
    ["patch", `mutatingwebhookconfigurations.admissionregistration.k8s.io/zz-${configuration}`],
  ])("lets curfew certs %s %s", async (...what) => {
    expect(await mayCerts(...what)).toBe(true);
  });

  it.each([
    ["get", "secrets/another"],
    ["get", "secrets"],
    ["list", "secrets"],
    ["delete", "secrets/curfew-certificates"],
    ["get", "secrets/curfew-certificates", "--subresource=status"],
    ["get", "pods"],
    ["create", "pods"],
    ["create", "serviceaccounts/curfew-certs", "--subresource=token"],
    ["update", `mutatingwebhookconfigurations.admissionregistration.k8s.io/${configuration}`],
    ["delete", `mutatingwebhookconfigurations.admissionregistration.k8s.io/${configuration}`],
    ["patch", "mutatingwebhookconfigurations.admissionregistration.k8s.io/curfew"],
    ["create", "mutatingwebhookconfigurations.admissionregistration.k8s.io"],
    ["patch", "validatingadmissionpolicies.admissionregistration.k8s.io/curfew-jobs"],
  ])("doesn't let curfew certs %s %s", async (...what) => {
    expect(await mayCerts(...what)).toBe(false);
  });

  it("gives curfew certs exactly these rules", async () => {
    expect(await ownRules("curfew-certs")).toEqual([
      "endpointslices.discovery.k8s.io [] [] [list]",
      `mutatingwebhookconfigurations.admissionregistration.k8s.io [] [${configuration}] [get watch patch]`,
      `mutatingwebhookconfigurations.admissionregistration.k8s.io [] [zz-${configuration}] [get watch patch]`,
      "secrets [] [] [create]",
      "secrets [] [curfew-certificates] [get watch patch]",
    ]);
  });

  it("gives the admission server no rules", async () => {
    expect(await ownRules("curfew-admission")).toEqual([]);
  });
});

describe("manifests/dispatch", () => {
  const builds = `${namespace}-builds`;
  let dispatch: KubernetesObject[];
  beforeAll(async () => {
    const text = JSON.stringify(await renamedManifests(namespace, "dispatch"));
    dispatch = JSON.parse(text.replaceAll('"buildkite"', `"${builds}"`)) as KubernetesObject[];
  });
  afterAll(async () => {
    await kubectlOutput(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], asList(dispatch));
  });

  it("passes the API server's strict validation", async () => {
    const { stderr, status } = await kubectl(["apply", "--validate=strict", "-f", "-"], asList(dispatch));
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  it("gives curfew dispatch rules in the builds' namespace, none to look for Secrets, and none elsewhere", async () => {
    expect(await ownRules("curfew-dispatch", builds)).toEqual([
      "events [] [] [get list watch]",
      "jobs.batch [] [] [create get list watch delete]",
      "pods [] [] [get list watch]",
      "secrets [] [] [create patch delete]",
    ]);
    expect(await ownRules("curfew-dispatch")).toEqual([]);
    expect(await ownRules("curfew-dispatch", "default")).toEqual([]);
  });
});

it("deleting the manifests leaves no webhook, policy, role or namespace behind", async () => {
  await kubectlOutput(["delete", "-f", "-"], asList(objects));
  const left = await kubectlOutput(["get", "--ignore-not-found", "-o", "name", "-f", "-"], asList(objects));
  expect(left).toBe("");
});
