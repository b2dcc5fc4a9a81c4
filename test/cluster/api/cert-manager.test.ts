/**
 * manifests/cert-manager with the real cert-manager: its API types, then its controllers and its CA
 * injector.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { isSignedBy } from "../../../certs/x509.ts";
import { versions } from "../harness/cluster.ts";
import { accepted, request, type KubernetesObject } from "../support/api.ts";
import { readSecret } from "../support/certificate-watch.ts";
import { lines } from "../support/check.ts";
import { kubectl, kubectlOutput } from "../support/kubectl.ts";
import { LocalCerts, type RotationSeen } from "../support/local-certs.ts";
import { asList, renamedManifests } from "../support/renamed-manifests.ts";

const namespace = "cert-manager-test";
const manifests = path.join(import.meta.dirname, "../../../manifests");
const certManager = versions().certManagerBin;
const CRDS = ["-f", path.join(certManager, "crds")];

const folder = mkdtempSync(path.join(tmpdir(), "curfew-cert-manager-"));
let objects: KubernetesObject[];
let own: readonly Sent[];

/** An Issuer or a Certificate. */
interface Sent extends KubernetesObject {
  readonly spec: {
    readonly ca?: { readonly secretName: string };
    readonly secretName?: string;
    readonly issuerRef?: { readonly kind: string; readonly name: string };
    readonly dnsNames?: readonly string[];
    readonly isCA?: boolean;
  };
}

beforeAll(async () => {
  await kubectlOutput(["apply", "--server-side", ...CRDS]);
  await kubectlOutput(["wait", "--for=condition=Established", "--timeout=30s", ...CRDS]);
  objects = await renamedManifests(namespace, inOwnNamespace(namespace));
  own = objects.filter(({ apiVersion }) => apiVersion === "cert-manager.io/v1") as Sent[];
});

afterAll(async () => {
  await kubectlOutput(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], asList(objects));
  await kubectlOutput(["delete", "--ignore-not-found", ...CRDS]);
  rmSync(folder, { recursive: true });
});

/** A kustomization as manifests/README.md tells people to write it. */
function inOwnNamespace(namespace: string): string {
  const readme = readFileSync(path.join(manifests, "README.md"), "utf8");
  const [, replacements = ""] = /```yaml\n(replacements:[^]*?)```/.exec(readme) ?? [];
  const own = path.join(folder, namespace);
  mkdirSync(own);
  const resources = [path.relative(own, path.join(manifests, "cert-manager"))];
  const kustomization = { resources, namespace, ...(parse(replacements) as object) };
  writeFileSync(path.join(own, "kustomization.yaml"), stringify(kustomization));
  return own;
}

const pathOf = ({ kind = "", metadata: { name } }: KubernetesObject): string =>
  `/apis/cert-manager.io/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;

async function stored(): Promise<Sent[]> {
  return Promise.all(own.map(async (object) => accepted(await request<Sent>("GET", pathOf(object)))));
}

const named = (kind: string, name: string): Sent | undefined =>
  own.find((object) => object.kind === kind && object.metadata.name === name);

const configurations = (): KubernetesObject[] => objects.filter(({ kind }) => kind === "MutatingWebhookConfiguration");

/** The Certificate that the webhook configurations' annotations name to the CA injector. */
function injected(): Sent {
  const references = configurations().map(
    ({ metadata }) => (metadata["annotations"] as Record<string, string>)["cert-manager.io/inject-ca-from"],
  );
  const [where, name = ""] = new Set(references).size === 1 ? (references[0]?.split("/") ?? []) : [];
  const certificate = named("Certificate", name);
  if (where !== namespace || certificate === undefined)
    throw new Error(`there is no Certificate ${where ?? ""}/${name}`);
  return certificate;
}

describe("manifests/cert-manager, in another namespace", () => {
  it("passes strict validation by the API server with cert-manager's CRDs", async () => {
    expect(own).toHaveLength(4);
    const { stderr, status } = await kubectl(["apply", "--validate=strict", "-f", "-"], asList(objects));
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  it("is stored as it was sent, with no field dropped or filled in", async () => {
    expect((await stored()).map(({ spec }) => spec)).toEqual(own.map(({ spec }) => spec));
  });

  it("changes nothing when it's applied again", async () => {
    const before = await stored();
    await kubectlOutput(["apply", "-f", "-"], asList(objects));
    expect(await stored()).toEqual(before);
  });

  it("has the CA of an existing Certificate injected, for exactly the names that the webhooks call", () => {
    const webhooks = configurations().flatMap(
      (configuration) =>
        configuration["webhooks"] as { clientConfig: { service: { name: string; namespace: string } } }[],
    );
    expect(configurations()).toHaveLength(2);
    const hosts = webhooks.map(({ clientConfig: { service } }) => `${service.name}.${service.namespace}.svc`);
    expect(injected().spec.dnsNames).toEqual([...new Set(hosts)]);
    expect(hosts[0]).toBe(`curfew-admission.${namespace}.svc`);
  });

  it("writes that Certificate into the Secret that the admission Pods mount", () => {
    const deployment = objects.find(({ kind }) => kind === "Deployment");
    expect(deployment?.["spec"]).toMatchObject({
      template: { spec: { volumes: [{ secret: { secretName: injected().spec.secretName } }] } },
    });
  });

  it("has it signed by an existing authority, which signs itself", () => {
    const issuerOf = ({ spec: { issuerRef } }: Sent): Sent | undefined =>
      named(issuerRef?.kind ?? "", issuerRef?.name ?? "");
    const authority = own.find(({ spec }) => spec.secretName === issuerOf(injected())?.spec.ca?.secretName);
    expect(authority?.spec.isCA).toBe(true);
    expect(authority && issuerOf(authority)?.spec).toEqual({ selfSigned: {} });
  });

  it("leaves nothing behind when it's deleted", async () => {
    await kubectlOutput(["delete", "-f", "-"], asList(objects));
    expect(await kubectlOutput(["get", "--ignore-not-found", "-o", "name", "-f", "-"], asList(objects))).toBe("");
  });
});

it("manifests/cert-manager itself differs from that only in the namespace", async () => {
  const kinds = ["Issuer", "Certificate", "MutatingWebhookConfiguration", "Deployment"];
  const ofThese = (all: readonly KubernetesObject[]): KubernetesObject[] =>
    all.filter(({ kind = "" }) => kinds.includes(kind));
  const expected = JSON.stringify(ofThese(objects)).replaceAll(namespace, "curfew-system");
  const shipped = await renamedManifests("curfew-system", "cert-manager");
  expect(ofThese(shipped)).toEqual(JSON.parse(expected));
});

describe("cert-manager itself", () => {
  const live = "cert-manager-live";
  const secret = "curfew-admission-tls";
  const installation = new LocalCerts(live, { manifests: inOwnNamespace(live), secret });
  let controllers: ChildProcess | undefined;
  beforeAll(async () => {
    controllers = spawn(path.join(certManager, "cert-manager"), { stdio: "ignore" });
    await installation.install();
  });
  afterAll(async () => {
    controllers?.kill("SIGKILL");
    await installation.remove();
  });

  /**
   * Does what `cmctl renew` does. It tries again if cert-manager writes the status at the same
   * moment.
   */
  async function renew(certificate: string): Promise<void> {
    const location = `/apis/cert-manager.io/v1/namespaces/${live}/certificates/${certificate}`;
    const askForRenewal = async (): Promise<number> => {
      const object = accepted(await request<KubernetesObject & { status: { conditions: object[] } }>("GET", location));
      const lastTransitionTime = new Date().toISOString();
      object.status.conditions.push({
        type: "Issuing",
        status: "True",
        reason: "ManuallyTriggered",
        lastTransitionTime,
      });
      return (await request("PUT", `${location}/status`, object)).status;
    };
    await expect.poll(askForRenewal).toBe(200);
  }

  async function certificates(): Promise<{ authority: string; serving: string }> {
    const [authority = "", serving = ""] = await Promise.all(
      ["curfew-ca", secret].map(async (name) => (await readSecret(live, name))?.["tls.crt"]),
    );
    return { authority, serving };
  }

  // On a busy machine cert-manager sometimes issues a certificate twice in a row, because it sees its
  // own Secret late. So the tests wait for the certificate in the Secret, not for a number of them.

  it("issues a certificate that the webhook serves with and whose CA the API server trusts", async () => {
    const isOver = ({ jobs, isServed }: RotationSeen): boolean => jobs >= 10 && isServed;
    const seen = await installation.createJobsUntil("ten Jobs are created and the certificate is served", isOver);
    expect(seen.failures).toEqual([]);
  });

  it("has curfew check find what it issued, and nothing wrong with it", async () => {
    const all = await renamedManifests(live, path.join(folder, live));
    // It names the Secret that Pods mount.
    const deployment = all.find(({ kind }) => kind === "Deployment");
    await kubectlOutput(["apply", "-f", "-"], asList(deployment === undefined ? [] : [deployment]));
    const { configuration } = installation;
    const run = { namespace: live, configurations: [configuration, `zz-${configuration}`] };
    await expect
      .poll(() => lines(run, "certificates", "ca-bundles"), { timeout: 150_000 })
      .toEqual([
        `good certificates: Secret ${live}/${secret}`,
        expect.stringMatching(/^good certificates: authority "curfew-ca" .* days left$/),
        expect.stringMatching(/^good certificates: serving certificate "curfew-admission" .* days left$/),
        `good certificates: MutatingWebhookConfiguration ${configuration}`,
        `good certificates: MutatingWebhookConfiguration zz-${configuration}`,
        expect.stringMatching(/^good ca-bundles: 11 of 11 webhooks have a caBundle that trusts the authority/),
      ]);
  });

  it("renews the certificate and its authority while Jobs are created without pause, and none is refused", async () => {
    const firstLook = Promise.withResolvers<undefined>();
    let isRenewed = false;
    const isOver = ({ jobs, trusted, isServed }: RotationSeen): boolean => {
      if (jobs > 0) firstLook.resolve(undefined);
      return isRenewed && trusted.size >= 2 && isServed;
    };
    const watching = installation.createJobsUntil("the new certificate is trusted and served", isOver);
    // An authority that is replaced before the first look is never seen.
    await Promise.race([firstLook.promise, watching]);
    const before = await certificates();
    await renew("curfew-ca");
    await expect.poll(async () => (await certificates()).authority).not.toBe(before.authority);
    await renew("curfew-admission");
    await expect.poll(async () => (await certificates()).serving).not.toBe(before.serving);
    isRenewed = true;
    const seen = await watching;
    expect(seen.failures).toEqual([]);

    // Before 1.19 the CA injector replaces the caBundle, so each authority must do for each
    // certificate.
    const after = await certificates();
    for (const { authority } of [before, after]) {
      for (const { serving } of [before, after]) {
        expect(isSignedBy(new X509Certificate(serving), new X509Certificate(authority))).toBe(true);
      }
    }
  });
});
