import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generateKeys } from "../../../certs/issue.ts";
import { KubernetesCluster } from "../../../certs/kubernetes.ts";
import { keepCertificates, type KeepOptions } from "../../../certs/run.ts";
import { CERTS_SETTINGS } from "../../../certs/settings.ts";
import { showStatus } from "../../../certs/show-status.ts";
import { describeStatus } from "../../../certs/status.ts";
import { parseBundle } from "../../../certs/x509.ts";
import { createRegistry } from "../../../src/process/metrics.ts";
import type { Readiness } from "../../../src/process/ops-server.ts";
import type { Registry } from "../../../src/process/prometheus.ts";
import { parseSettings } from "../../../src/process/settings.ts";
import { createLogger } from "../../../src/process/log.ts";
import { bareEnvironment } from "../../support/bare-environment.ts";
import { startCertificateApiServer, type CertificateApiServer } from "../../support/certs/api-server.ts";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";
import { addressOf, listenWith, NOBODY } from "../../support/certs/serving-pod.ts";

const NAMES = {
  namespace: "curfew-system",
  secret: "curfew-certificates",
  webhookConfiguration: ["curfew", "zz-curfew"],
};

/** Keys as long as real ones, since a TLS server refuses shorter ones. Made once, to save time. */
const keys = [generateKeys(), generateKeys()];
let used = 0;

const parsed = await parseSettings(CERTS_SETTINGS, {});
if (parsed.kind === "invalid") throw new Error(parsed.problems.join());
const { settings } = parsed;

let api: CertificateApiServer;
let logged: string;
let stop: () => Promise<void>;
let registry: Registry;
let readiness: () => Readiness;

beforeEach(async () => {
  api = await startCertificateApiServer();
  logged = "";
  stop = () => Promise.resolve();
});
afterEach(async () => {
  await stop();
  await api.close();
});

/** Runs curfew certs against the fake API server until the test's end. */
function start(options: Partial<KeepOptions> = {}): void {
  const log = createLogger("certs", "debug", { write: (line: string) => (logged += line) });
  const stopping = new AbortController();
  registry = createRegistry();
  const setReadiness = (read: () => Readiness): void => {
    readiness = read;
  };
  const running = keepCertificates({
    ...{ settings, kubeConfig: api.kubeConfig, log, registry, signal: stopping.signal, setReadiness },
    ...{ keys: () => keys[used++ % keys.length] ?? generateKeys(), retryMs: 50 },
    ...options,
  });
  stop = async () => {
    stopping.abort();
    await running;
  };
}

const bundles = (): string[] =>
  [api.webhooks, api.lateWebhooks].flatMap((one) =>
    (one?.webhooks ?? []).map(({ clientConfig }) => decode(clientConfig.caBundle)),
  );
const decode = (base64 = ""): string => Buffer.from(base64, "base64").toString();

async function installed(): Promise<void> {
  await expect.poll(() => api.secret?.data).toHaveProperty(["tls.crt"]);
}

describe("curfew certs", () => {
  test("installs a certificate that every webhook's caBundle vouches for", async () => {
    start();
    await installed();
    const leaf = new X509Certificate(decode(api.secret?.data?.["tls.crt"]));
    expect(leaf.subjectAltName).toBe("DNS:curfew-admission.curfew-system.svc");
    for (const bundle of bundles()) expect(leaf.verify(new X509Certificate(bundle).publicKey)).toBe(true);
  });

  test("publishes the authority before it writes a certificate", async () => {
    start();
    await installed();
    const writes = api.requests.filter((request) => !request.startsWith("GET") && !request.startsWith("WATCH"));
    expect(writes.map((request) => request.replace(/\/api.*\//, ""))).toEqual([
      "POST secrets",
      "PATCH curfew",
      "PATCH zz-curfew",
      "PATCH curfew-certificates",
    ]);
  });

  test("waits if no webhook configuration exists yet", async () => {
    const { webhooks, lateWebhooks } = api;
    api.webhooks = api.lateWebhooks = undefined;
    start({ pollMs: 50 });
    await expect.poll(() => logged).toContain('"reason":"no-webhook"');
    expect(api.secret).toBeUndefined();
    Object.assign(api, { webhooks, lateWebhooks });
    await installed();
  });

  test("puts a wiped caBundle back as soon as the watch reports it", async () => {
    start({ pollMs: 3_600_000 });
    await installed();
    await expect.poll(() => api.requests).toContainEqual(expect.stringMatching(/^WATCH .*webhookconfigurations$/));
    api.changeWebhooks((webhooks) => {
      for (const { clientConfig } of webhooks) delete clientConfig.caBundle;
    });
    await expect.poll(() => bundles().map((bundle) => parseBundle(bundle).length)).toEqual([1, 1, 1, 1]);
  });

  test("puts it back later if the watch has stalled", async () => {
    api.stalled = true;
    start({ pollMs: 100 });
    await installed();
    api.changeWebhooks((webhooks) => {
      for (const { clientConfig } of webhooks) delete clientConfig.caBundle;
    });
    await expect.poll(() => bundles().map((bundle) => parseBundle(bundle).length)).toEqual([1, 1, 1, 1]);
  });

  test("doesn't flood an API server that ends each watch at once", async () => {
    api.endsWatches = true;
    start();
    await installed();
    await sleep(1_000);
    expect(api.requests.filter((request) => request.startsWith("WATCH")).length).toBeLessThan(10);
  });

  test("leaves webhooks alone that call another namespace's Service or a URL", async () => {
    const others = [
      { name: "theirs.example.org", clientConfig: { service: { name: "x", namespace: "theirs" }, caBundle: "" } },
      { name: "url.example.org", clientConfig: { url: "https://example.org", caBundle: "" } },
    ];
    api.webhooks?.webhooks?.push(...others);
    start();
    await installed();
    expect(bundles().slice(3, 5)).toEqual(["", ""]);
  });

  test("plans again if somebody else wrote first", async () => {
    let conflicts = 0;
    api.fault = (method) => {
      if (method === "GET" || conflicts >= 3) return undefined;
      conflicts += 1;
      return { code: 409, message: "the object has been modified" };
    };
    start();
    await installed();
    expect(logged.match(/"outcome":"conflict"/g)).toHaveLength(3);
  });

  test("says what the API server denies it, isn't ready, and goes on once it's allowed", async () => {
    api.fault = () => ({ code: 403, message: 'secrets "curfew-certificates" is forbidden' });
    start();
    await expect.poll(() => logged).toContain("forbidden");
    expect(readiness()).toEqual({ ready: false, reason: expect.stringContaining("is forbidden") as string });
    api.fault = () => undefined;
    await installed();
  });

  test("says why it can't reach the API server", async () => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromClusterAndUser(
      { name: "none", server: `http://${NOBODY.address}:${NOBODY.port}`, skipTLSVerify: true },
      { name: "none" },
    );
    start({ kubeConfig });
    await expect.poll(() => logged).toContain("cannot bring the certificates into place");
    const reason = expect.stringMatching(/cannot read the .+: .*ECONNREFUSED 127\.0\.0\.1:\d+/) as string;
    expect(readiness()).toEqual({ ready: false, reason });
  });

  test("serves its metrics", async () => {
    start();
    await installed();
    await expect.poll(() => logged).toContain("settled");
    const metrics = await registry.metrics();
    expect(metrics).toContain('curfew_certs_steps_total{step="publish",reason="authority-unpublished"} 1');
    expect(metrics).toMatch(/curfew_certs_rounds_total\{outcome="ok"\} [1-9]/);
    expect(metrics).toMatch(/curfew_certs_expiry_timestamp_seconds\{certificate="serving"\} \d{10}/);
    expect(metrics).toContain("curfew_certs_trusted_authorities 1");
  });

  test("logs no private key", async () => {
    start();
    await installed();
    for (const key of ["tls.key", "ca.key"]) {
      const lines = decode(api.secret?.data?.[key])
        .split("\n")
        .filter((line) => line.length === 64);
      expect(lines.length).toBeGreaterThan(10);
      for (const line of lines) expect(logged).not.toContain(line);
    }
  });
});

describe("curfew certs status", () => {
  test("says that there's nothing yet", async () => {
    const { text, isHealthy } = await showStatus(NAMES, api.kubeConfig);
    expect(isHealthy).toBe(false);
    expect(text).toContain("! Secret curfew-system/curfew-certificates doesn't exist: is curfew certs running?");
  });

  test("says whether API server, Secret and serving Pods agree", async () => {
    start();
    await installed();
    const pod = await listenWith(decode(api.secret?.data?.["tls.crt"]), decode(api.secret?.data?.["tls.key"]));
    api.slices = [sliceOf(addressOf(pod))];
    const good = await showStatus(NAMES, api.kubeConfig);
    expect(good.text).toContain("1 of 1 Pods present this certificate");
    expect(good.text).not.toMatch(/^!/m);
    expect(good.isHealthy).toBe(true);

    const { cert, key } = createTestAuthority().issue();
    const stale = await listenWith(cert, key);
    api.slices.push(sliceOf(addressOf(stale)));
    const bad = await showStatus(NAMES, api.kubeConfig);
    expect(bad.text).toMatch(/^! 1 of 2 Pods present this certificate/m);
    expect(bad.text).toMatch(/^! curfew-admission-\d+ presents another \(..:..:..:..…\)/m);
    expect(bad.isHealthy).toBe(false);
    pod.close();
    stale.close();
    api.slices = [sliceOf(NOBODY)];
    const silent = await showStatus(NAMES, api.kubeConfig);
    expect(silent.text).toMatch(/^! curfew-admission-2 doesn't answer/m);
  });

  test("says since when a certificate should have been renewed", async () => {
    start();
    await installed();
    const cluster = new KubernetesCluster(api.kubeConfig, NAMES);
    const inThreeWeeks = new Date(Date.now() + 21 * 86_400_000);
    const { text } = describeStatus(inThreeWeeks, NAMES, await cluster.observe(), []);
    expect(text).toMatch(/^ {2}serving certificate .*, due for renewal since \d/m);
    expect(text).toMatch(/^ {2}authority .*Z$/m);
  });
});

describe("the command line", () => {
  const run = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, ["src/cli.ts", "certs", ...args], {
      env: { ...bareEnvironment, HOME: "/nonexistent" },
      encoding: "utf8",
    });

  test.each([[[]], [["status"]]])("says what it needs if there's no kubeconfig: certs %j", (args) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(1);
    expect(stderr).toContain("found no kubeconfig: set KUBECONFIG");
  });

  test("refuses delays with which no authority would ever be retired", () => {
    const { status, stderr } = run("--certificate-lifetime", "900");
    expect(status).toBe(2);
    expect(stderr).toContain("--rollout-delay 600, together, are not shorter than the 600 s");
  });
});

function sliceOf({ name, address, port }: ReturnType<typeof addressOf>): object {
  const targetRef = { kind: "Pod", name };
  return {
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true }, targetRef }],
    ports: [{ port }],
  };
}
