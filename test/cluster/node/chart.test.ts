/**
 * charts/curfew on a real cluster, under labelled Jobs created without pause: it takes over from
 * manifests/default, is upgraded, rolled back, tested and uninstalled.
 */
import { afterAll, describe, expect, it } from "vitest";
import { create, request, type KubernetesObject } from "../support/api.ts";
import { CHART, hasHelm, helm, helmOutput, HELMS, type HelmVersion } from "../support/helm.ts";
import { manifestsWith } from "../support/installed-webhook.ts";
import { createJobs, describeLoad, type JobLoadResult } from "../support/job-load.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { job, politeSidecar, script } from "../support/manifests.ts";
import { testNamespace } from "../support/namespace.ts";
import { until } from "../support/until.ts";
import { untilPatched } from "../support/until-patched.ts";

const namespace = testNamespace("chart");
const image = process.env["CURFEW_IMAGE"] ?? "";
const [, repository, tag] = /^(.*):([^:/]+)$/.exec(image) ?? [];
/** Half of the tests have one replica: its replacement loses nothing either, and takes half the time. */
const REPLICAS: Readonly<Record<HelmVersion, number>> = { 3: 1, 4: 2 };
const RELEASE = ["--namespace", "curfew-system"];
const WAIT = ["--wait", "--timeout", "150s"];
const PAUSE_MS = 150; // it's for minutes, so the Jobs shouldn't be what keeps the machine busy
const CURFEW_IS_AWAY = /need-curfew-running\.curfew\.sh|ValidatingAdmissionPolicy 'curfew-jobs'/;

/** Curfew was installed by manifests/default, and is again when this file has ended. */
afterAll(async () => {
  for (const version of present) await helm(version, ["uninstall", "curfew", ...RELEASE]);
  await kubectlOutput(["apply", "-f", "-"], await manifestsWith(image));
});

/** For the log: each kind of message once. */
function inShort(what: string, result: JobLoadResult): string {
  return describeLoad(what, {
    ...result,
    failures: result.failures.map((text) => text.replaceAll(/"load-[^"]*"/g, "…")),
  });
}

/** Creates labelled Jobs while `change` runs, and some before and after it. */
async function underLoad(what: string, change: () => Promise<unknown>): Promise<JobLoadResult> {
  const load = createJobs(namespace, PAUSE_MS);
  const more = async (): Promise<void> => {
    const before = load.created();
    await expect.poll(load.created, { timeout: 150_000 }).toBeGreaterThanOrEqual(before + 20);
  };
  let result: JobLoadResult | undefined;
  try {
    await more();
    await change();
    await more();
  } finally {
    result = await load.stop();
    console.log(inShort(what, result));
  }
  return result;
}

interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

async function caBundles(): Promise<readonly (string | undefined)[]> {
  const configurations = await Promise.all(
    ["curfew", "zz-curfew"].map((name) =>
      request<WebhookConfiguration>(
        "GET",
        `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`,
      ),
    ),
  );
  return configurations.flatMap(({ body }) => body.webhooks.map(({ clientConfig }) => clientConfig.caBundle));
}

async function admissionEnv(): Promise<string> {
  const columns = "jsonpath={.spec.template.spec.containers[0].env[*].name}";
  return kubectlOutput(["get", "deployment/curfew-admission", ...RELEASE, "-o", columns]);
}

/** What of Curfew's is in the cluster, apart from Events and what other objects own. */
async function leftOvers(): Promise<string> {
  const kinds = [
    ...["mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"],
    ...["clusterroles", "clusterrolebindings", "priorityclasses"],
  ];
  const inNamespace = ["deployments", "services", "configmaps", "serviceaccounts", "roles", "rolebindings"];
  const label = ["-l", "app.kubernetes.io/part-of=curfew", "-o", "name"];
  const cluster = await kubectlOutput(["get", kinds.join(","), ...label]);
  const there = await kubectlOutput(["get", inNamespace.join(","), ...RELEASE, ...label]);
  const secrets = await kubectlOutput(["get", "secrets", ...RELEASE, "-o", "name"]);
  return cluster + there + secrets;
}

const present = HELMS.filter((version) => hasHelm(version) || process.env["CI"] !== undefined);

if (present.length === 0) it.skip("Helm isn't there: test/cluster/harness/build.sh builds it", () => undefined);

describe.each(present)("Helm %i", (version) => {
  const run = (args: readonly string[], values?: object): Promise<string> =>
    helmOutput(version, [...args, ...RELEASE], values);
  const admission = { replicas: REPLICAS[version] };
  const a = { image: { repository, tag }, test: { namespace }, admission };
  const b = { ...a, admission: { ...admission, knownImages: [{ image: "corp/logs", role: "sidecar" }] } };
  let authorities: readonly (string | undefined)[];

  if (version === 4)
    it("takes over from manifests/default, and no Job is refused", async () => {
      const result = await underLoad(`Helm ${version} takes over from manifests/default`, () =>
        run(["install", "curfew", CHART, "--take-ownership", "--force-conflicts", ...WAIT], a),
      );
      expect(result).toMatchObject({ failures: [], lost: [], unpatched: [] });
    });

  if (version === 3)
    it("installs, and refuses labelled Jobs only until Curfew is up", async () => {
      const result = await underLoad(`Helm ${version} installs`, async () => {
        await run(["install", "curfew", CHART, ...WAIT], a);
        await untilPatched(150);
      });
      expect(result.lost).toEqual([]);
      for (const message of result.failures) expect(message).toMatch(CURFEW_IS_AWAY);
    });

  it("upgrades and rolls back, and no Job is refused", async () => {
    authorities = await caBundles();
    expect(authorities).not.toContain(undefined);
    const result = await underLoad(`Helm ${version} upgrades and rolls back`, async () => {
      await run(["upgrade", "curfew", CHART, ...WAIT], b);
      expect(await admissionEnv()).toContain("CURFEW_KNOWN_IMAGES");
      await run(["rollback", "curfew", "1", ...WAIT]);
      expect(await admissionEnv()).not.toContain("CURFEW_KNOWN_IMAGES");
    });
    expect(result).toMatchObject({ failures: [], lost: [], unpatched: [] });
  });

  it("leaves the caBundles alone", async () => {
    expect(await caBundles()).toEqual(authorities);
  });

  it("runs the chart's test: a labelled Job ends", async () => {
    expect(await run(["test", "curfew", "--timeout", "150s"])).toMatch(/Phase:\s+Succeeded/);
  });

  it("uninstalls, and refuses labelled Jobs only until webhooks and policies are gone", async () => {
    const result = await underLoad(`Helm ${version} uninstalls`, () => run(["uninstall", "curfew"]));
    expect(result.lost).toEqual([]);
    for (const message of result.failures) expect(message).toMatch(CURFEW_IS_AWAY);
  });

  it("leaves only the Secret with the certificates, and Jobs are created as they are", async () => {
    const plain = job("plain", [script("main", "true"), politeSidecar()]);
    expect((await create(namespace, plain, "?dryRun=All")).status).toBe(201);
    await until(
      "only the Secret is left",
      async () => (await leftOvers()).trim() === "secret/curfew-certificates",
      150,
    );
  });
});
