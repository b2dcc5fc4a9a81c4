/**
 * `curfew certs` with the real API server and its own Role, and an admission server behind a real Service, whose address is the
 * machine's own for the test's time. Lifetimes are seconds, so that a rotation is over in some.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { parseBundle } from "../../../certs/x509.ts";
import { accepted, create, request, type KubernetesObject } from "../support/api.ts";
import { isApiServerReady, signalControlPlane } from "../support/control-plane.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { job, script } from "../support/manifests.ts";
import { asList, renamedManifests } from "../support/renamed-manifests.ts";
import { until } from "../support/until.ts";

const namespace = "certs-test";
const configuration = `curfew-${namespace}`;
const host = `curfew-admission.${namespace}.svc`;
const root = path.join(import.meta.dirname, "../../..");
const WEBHOOKS = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${configuration}`;
const SECRET = `/api/v1/namespaces/${namespace}/secrets/curfew-certificates`;
const SECONDS = { "certificate-lifetime": 18, "authority-lifetime": 54, "publish-delay": 1, "rollout-delay": 3 };

interface Configuration {
  readonly metadata: { readonly name: string };
  readonly webhooks: readonly { readonly name: string; readonly clientConfig: { readonly caBundle?: string } }[];
}
interface Secret {
  readonly metadata: { readonly name: string };
  readonly data: Readonly<Record<string, string>>;
}

const folder = mkdtempSync(path.join(tmpdir(), "curfew-certs-"));
const processes: ChildProcess[] = [];
let objects: KubernetesObject[];
let address: string;
let kubelet: NodeJS.Timeout;

beforeAll(async () => {
  objects = (await renamedManifests(namespace)).filter(
    ({ kind = "" }) => kind !== "Deployment" && !kind.startsWith("Validating"),
  );
  await kubectlOutput(["apply", "-f", "-"], asList(objects));
  const service = accepted(
    await request<{ metadata: { name: string }; spec: { clusterIP: string } }>(
      "GET",
      `/api/v1/namespaces/${namespace}/services/curfew-admission`,
    ),
  );
  address = service.spec.clusterIP;
  execFileSync("ip", ["addr", "add", `${address}/32`, "dev", "lo"]);
  accepted(await request("POST", `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, endpointSlice()));
  startCerts();
  await until("there is a serving certificate", async () => (await readSecret())?.["tls.crt"] !== undefined);
  await mountSecret();
  // As kubelet does it, late, but not by a minute or two.
  kubelet = setInterval(() => void mountSecret().catch(() => undefined), 1_500);
  start("admission", {
    host: address,
    port: 443,
    "ops-port": 18084,
    "tls-cert": file("tls.crt"),
    "tls-key": file("tls.key"),
  });
  await until("the webhook answers", async () => (await createJob()).status === 201);
});

afterAll(async () => {
  clearInterval(kubelet);
  for (const process of processes) process.kill("SIGKILL");
  await kubectlOutput(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], asList(objects));
  execFileSync("ip", ["addr", "del", `${address}/32`, "dev", "lo"]);
  rmSync(folder, { recursive: true });
});

const file = (name: string): string => path.join(folder, name);

function endpointSlice(): object {
  return {
    metadata: { name: "curfew-admission-test", labels: { "kubernetes.io/service-name": "curfew-admission" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "webhook", port: 443, protocol: "TCP" }],
  };
}

function start(
  subcommand: string,
  flags: Readonly<Record<string, string | number>>,
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const options = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
  const child = spawn(process.execPath, ["src/cli.ts", subcommand, ...options], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  processes.push(child);
  return child;
}

/** Its kubeconfig holds a token of its ServiceAccount, so that a right that its Role lacks is a failure here. */
function startCerts(opsPort = 18083): ChildProcess {
  const token = execFileSync("kubectl", ["create", "token", "curfew-certs", "-n", namespace], {
    encoding: "utf8",
  }).trim();
  const kubeconfig = parse(execFileSync("kubectl", ["config", "view", "--raw"], { encoding: "utf8" })) as {
    users: { user: object }[];
  };
  for (const user of kubeconfig.users) user.user = { token };
  writeFileSync(file("kubeconfig"), stringify(kubeconfig));
  const names = { namespace, "webhook-configuration": configuration };
  return start(
    "certs",
    { host: "127.0.0.1", "ops-port": opsPort, ...names, ...SECONDS },
    { KUBECONFIG: file("kubeconfig") },
  );
}

async function readSecret(): Promise<Secret["data"] | undefined> {
  const { status, body } = await request<Secret>("GET", SECRET);
  return status === 200 ? body.data : undefined;
}

async function mountSecret(): Promise<void> {
  const data = await readSecret();
  for (const name of ["tls.crt", "tls.key"]) {
    const value = data?.[name];
    if (value !== undefined) writeFileSync(file(name), Buffer.from(value, "base64"));
  }
}

async function caBundles(): Promise<string[]> {
  const { webhooks } = accepted(await request<Configuration>("GET", WEBHOOKS));
  return webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? "", "base64").toString());
}

/** A Job with the test's label, which the API server creates only if the webhook answers. */
async function createJob(): ReturnType<typeof create> {
  return create(
    "default",
    job("certs-test", [script("main", "true")], { labels: { [`${namespace}/enabled`]: "true" } }),
    "?dryRun=All",
  );
}

/** A handshake as the API server makes it; its own connections live on, and would hide a certificate that no one else trusts. */
async function handshake(ca: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 443, servername: host, ca });
    socket.once("secureConnect", () => {
      resolve(undefined);
      socket.destroy();
    });
    socket.once("error", (error: Error) => {
      resolve(error.message);
    });
  });
}

interface Watched {
  readonly failures: string[];
  jobs: number;
  handshakes: number;
  readonly authorities: Set<string>;
  readonly certificates: Set<string>;
}

/** Creates Jobs without pause and makes a new handshake with each caBundle, for some seconds. */
async function watchFor(seconds: number): Promise<Watched> {
  const seen: Watched = { failures: [], jobs: 0, handshakes: 0, authorities: new Set(), certificates: new Set() };
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    await sleep(20);
    const { status, body } = await createJob();
    seen.jobs += 1;
    if (status !== 201) seen.failures.push(body.message ?? String(status));
    for (const ca of new Set(await caBundles())) {
      const failure = await handshake(ca);
      seen.handshakes += 1;
      if (failure !== undefined) seen.failures.push(failure);
      seen.authorities.add(parseBundle(ca)[0]?.fingerprint256 ?? "none");
    }
    seen.certificates.add((await readSecret())?.["tls.crt"] ?? "none");
  }
  return seen;
}

describe("curfew certs", () => {
  it("renews certificates and authorities while Jobs are created without pause, and none is refused", async () => {
    const seen = await watchFor(process.env["LONG"] ? 600 : 50);
    console.log(
      `${seen.jobs} Jobs, ${seen.handshakes} handshakes, ${seen.certificates.size} certificates, ${seen.authorities.size} authorities`,
    );
    expect(seen.failures).toEqual([]);
    expect(seen.authorities.size).toBeGreaterThanOrEqual(2);
    expect(seen.certificates.size).toBeGreaterThanOrEqual(4);
  }, 620_000);

  const wipeCaBundles = async (): Promise<void> => {
    const wipe = [0, 1, 2].map((index) => ({ op: "remove", path: `/webhooks/${index}/clientConfig/caBundle` }));
    accepted(await request("PATCH", WEBHOOKS, wipe, "application/json-patch+json"));
  };
  const areBack = async (): Promise<boolean> => (await caBundles()).every((bundle) => bundle !== "");

  it("puts a wiped caBundle back within two seconds", async () => {
    await wipeCaBundles();
    await until("every caBundle is back", areBack, 2);
  });

  it("makes a deleted Secret anew, and no Job is refused meanwhile", async () => {
    accepted(await request("DELETE", SECRET));
    const seen = await watchFor(10);
    expect(seen.failures).toEqual([]);
    expect(await readSecret()).toHaveProperty(["tls.crt"]);
  }, 60_000);

  it("does no harm when two of it run at once", async () => {
    const second = startCerts(18085);
    const seen = await watchFor(20);
    second.kill("SIGTERM");
    expect(seen.failures).toEqual([]);
    expect(seen.authorities.size).toBeLessThanOrEqual(3);
  }, 90_000);

  it("goes on after it was killed in the middle of a rotation", async () => {
    // The Pods do not have it yet, and the next is due when a busy machine has long started `curfew certs` again.
    const before = (await readSecret())?.["tls.crt"];
    await until("a certificate is issued", async () => (await readSecret())?.["tls.crt"] !== before);
    for (const child of processes.filter(({ spawnargs }) => spawnargs.includes("certs"))) child.kill("SIGKILL");
    await sleep(500);
    startCerts();
    const seen = await watchFor(15);
    expect(seen.failures).toEqual([]);
    expect(seen.certificates.size).toBeGreaterThanOrEqual(2);
  }, 120_000);

  it("goes on by itself after the API server was killed and is back", async () => {
    signalControlPlane("kube-apiserver", "SIGKILL");
    await until("the API server is gone", async () => !(await isApiServerReady()));
    await until("the API server is ready again", isApiServerReady);
    await wipeCaBundles();
    await until("every caBundle is back", areBack);
    const seen = await watchFor(10);
    expect(seen.failures).toEqual([]);
  }, 120_000);
});
