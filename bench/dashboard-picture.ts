/**
 * `node bench/dashboard-picture.ts FILE [SECONDS]`: a picture of the dashboard that
 * manifests/monitoring ships, for docs/metrics.md. It runs Curfew beside a real API server, creates
 * Jobs and Buildkite's webhooks, has a real Prometheus scrape all of it, and draws what each panel's
 * expressions give. It needs root, Go, and Prometheus. Kubelet and the agents are simulated.
 */
import { spawn, execFileSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments, stringify } from "yaml";
import { bundle } from "../scripts/bundle.ts";
import { createAgents } from "../sim/buildkite/agents.ts";
import { FakeBuildkite } from "../sim/buildkite/buildkite.ts";
import { deliver, webhookPayload } from "../sim/buildkite/webhook.ts";
import { inNetworkOf, runScript } from "../test/cluster/harness/cluster.ts";
import { withCluster } from "../test/cluster/harness/with-cluster.ts";
import { accepted, create, request, type KubernetesObject } from "../test/cluster/support/api.ts";
import { kubectlOutput } from "../test/cluster/support/kubectl.ts";
import { job, politeSidecar, script } from "../test/cluster/support/manifests.ts";
import { playKubelet } from "../test/cluster/support/pods-without-kubelet.ts";
import { until } from "../test/cluster/support/until.ts";
import { randomFrom } from "../test/support/random.ts";
import { drawDashboard, type Dashboard, type Recording } from "./lib/dashboard.ts";
import { createNamespace } from "./lib/namespace.ts";
import { nodeOptionsOf } from "./lib/node-options.ts";
import { startPrometheus } from "./lib/prometheus.ts";

const SELF = fileURLToPath(import.meta.url);
const root = fileURLToPath(new URL("..", import.meta.url));
const INSIDE = "CURFEW_PICTURE_INSIDE";
const SYSTEM = "curfew-system";
const BUILDS = "buildkite";
/** A namespace that's opted in. */
const TEAM = "team";
const SECRET = "the webhook's token";
/** A cluster's network namespace has no other listeners. */
const OPS_PORTS = { admission: 8081, certs: 8082, dispatch: 8083 } as const;
const PODS = {
  admission: "curfew-admission-6d5f8c7b9-x2k4q",
  certs: "curfew-certs-7c9d6b5f4-m8w2z",
  dispatch: "curfew-dispatch-5b8f7d6c9-q7v5n",
} as const;
/** Where their Deployments are, whose options for Node count. */
const FOLDERS = { admission: "base", certs: "certs", dispatch: "dispatch/server" } as const;
const DASHBOARD = JSON.parse(readFileSync(join(root, "manifests/monitoring/dashboard.json"), "utf8")) as Dashboard;

const [file = "docs/pictures/dashboard.svg", duration = "240"] = process.argv.slice(2);
if (process.env[INSIDE] === undefined) await draw();
else writeFileSync(process.env[INSIDE], JSON.stringify(await record(Number(duration))));

/** Outside of the cluster: starts one, and draws what was recorded in it. */
async function draw(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "curfew-picture-"));
  const recording = join(folder, "recording.json");
  try {
    await bundle(true);
    runScript("packages.sh");
    runScript("build.sh");
    await withCluster("api", async (cluster) => {
      const { args, env } = inNetworkOf(cluster, [process.execPath, SELF, file, duration]);
      const [command = "", ...rest] = args;
      const child = spawn(command, rest, { env: { ...env, [INSIDE]: recording }, stdio: "inherit" });
      await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
    });
    writeFileSync(file, drawDashboard(DASHBOARD, JSON.parse(readFileSync(recording, "utf8")) as Recording));
    console.log(`wrote ${file}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In the cluster's network. */
async function record(seconds: number): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), "curfew-picture-"));
  const processes: ChildProcess[] = [];
  const stop = new AbortController();
  const start = (subcommand: keyof typeof OPS_PORTS, flags: object, env: NodeJS.ProcessEnv = {}): void => {
    const options = Object.entries({ ...flags, "ops-port": OPS_PORTS[subcommand] });
    const args = options.flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const stdio = ["ignore", "ignore", "inherit"] as const;
    processes.push(
      spawn(process.execPath, [...nodeOptionsOf(FOLDERS[subcommand]), "dist/cli.js", subcommand, ...args], {
        cwd: root,
        env: { ...process.env, ...env },
        stdio: [...stdio],
      }),
    );
  };
  const path = (name: string): string => join(folder, name);
  const fake = await new FakeBuildkite().listen();
  try {
    const address = await installManifests();
    // Before Curfew, so that it sees counters begin.
    const prometheus = await startPrometheus(scrapeConfigs(path, address));
    writeFileSync(path("kubeconfig"), kubeconfigOf("curfew-certs"));
    start("certs", { host: "127.0.0.1" }, { KUBECONFIG: path("kubeconfig") });
    await until("there is a certificate", () => mountCertificate(path));
    const mounting = setInterval(() => void mountCertificate(path).catch(() => undefined), 1000);
    start("admission", { host: address, port: 443, "tls-cert": path("tls.crt"), "tls-key": path("tls.key") });
    await until("Jobs are patched", async () => (await tryJob("trap")) === 201);

    await createNamespace(BUILDS);
    await createNamespace(TEAM, { "curfew.sh/enabled": "true" });
    writeFileSync(path("dispatch.yaml"), dispatchConfig(fake.endpoint));
    start(
      "dispatch",
      { host: "127.0.0.1", port: 8000, config: path("dispatch.yaml") },
      { SECRET, AGENT_TOKEN: fake.agentToken },
    );
    const random = randomFrom(1);
    const agents = createAgents(fake, { startMs: () => 500, runMs: () => 4000 + random() * 9000, idleMs: 4000 });
    const kubelet = playKubelet(BUILDS, agents, stop.signal);
    await until("the dispatcher is ready", async () => {
      return (await fetch(`http://127.0.0.1:${OPS_PORTS.dispatch}/readyz`).catch(() => undefined))?.ok;
    });

    // The first minute, in which everything starts, isn't in the picture.
    const end = performance.now() + (seconds + 60) * 1000;
    await Promise.all([
      everySecond(end, (second) =>
        createSome(
          16 + 10 * Math.sin(second / 25) + (second > seconds / 2 + 60 && second < seconds / 2 + 90 ? 25 : 0),
          random,
        ),
      ),
      everySecond(end, (second) => scheduleSome(fake, second % 90 < 8 ? 6 : random() < 0.7 ? 1 : 0, random)),
      everySecond(end, async (second) => {
        if (second === 60 + Math.round(seconds / 3))
          await request("DELETE", `/api/v1/namespaces/${SYSTEM}/secrets/curfew-certificates`);
      }),
    ]);
    const recording = await prometheus.record(DASHBOARD, seconds);
    clearInterval(mounting);
    stop.abort();
    await kubelet.catch(() => undefined);
    await prometheus.stop();
    return recording;
  } finally {
    for (const child of processes) child.kill("SIGKILL");
    await fake.close();
    rmSync(folder, { recursive: true });
  }
}

/** Whatever takes longer than a second delays the next. */
async function everySecond(end: number, act: (second: number) => Promise<unknown>): Promise<void> {
  const began = performance.now();
  for (let second = 0; performance.now() < end; second++) {
    await act(second);
    await sleep(Math.max(began + (second + 1) * 1000 - performance.now(), 0));
  }
}

type Kind = "trap" | "native" | "unclear" | "in the namespace";

/** Jobs that aren't stored: Curfew and the API server count them all the same. */
async function createSome(count: number, random: () => number): Promise<void> {
  for (let created = 0; created < count; created++) {
    const lot = random();
    await tryJob(lot < 0.6 ? "trap" : lot < 0.82 ? "native" : lot < 0.9 ? "unclear" : "in the namespace");
  }
}

async function tryJob(kind: Kind): Promise<number> {
  const main = script("report", "true");
  const sidecars = {
    trap: politeSidecar("logs-sidecar"),
    native: { name: "proxy", image: "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.14.0", args: ["project:region:db"] },
    unclear: script("helper", "sleep 100"),
    "in the namespace": script("helper", "sleep 100"),
  };
  const isTeam = kind === "in the namespace";
  const wanted = job("picture", [main, sidecars[kind]], isTeam ? { labels: {} } : {});
  return (await create(isTeam ? TEAM : "default", wanted, "?dryRun=All")).status;
}

/** One webhook in ten doesn't arrive, and one in five is about something else. */
async function scheduleSome(fake: FakeBuildkite, count: number, random: () => number): Promise<void> {
  for (let scheduled = 0; scheduled < count; scheduled++) {
    const waiting = fake.schedule();
    if (random() < 0.1) continue;
    const url = "http://127.0.0.1:8000/webhooks/buildkite";
    await deliver(url, SECRET, webhookPayload("job.scheduled", waiting));
    if (random() < 0.2) await deliver(url, SECRET, webhookPayload("job.started", waiting));
  }
}

/** manifests/default without its Deployments. Returns the Service's address, which is now ours. */
async function installManifests(): Promise<string> {
  const documents = parseAllDocuments(await kubectlOutput(["kustomize", join(root, "manifests/default")]));
  const objects = documents.map((document) => document.toJS() as KubernetesObject);
  const items = objects.filter(({ kind }) => kind !== "Deployment");
  await kubectlOutput(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const services = `/api/v1/namespaces/${SYSTEM}/services/curfew-admission`;
  const service = accepted(await request<KubernetesObject & { spec: { clusterIP: string } }>("GET", services));
  const address = service.spec.clusterIP;
  execFileSync("ip", ["addr", "add", `${address}/32`, "dev", "lo"]);
  const slice = {
    metadata: { name: "curfew-admission-picture", labels: { "kubernetes.io/service-name": "curfew-admission" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "webhook", port: 443, protocol: "TCP" }],
  };
  accepted(await request("POST", `/apis/discovery.k8s.io/v1/namespaces/${SYSTEM}/endpointslices`, slice));
  return address;
}

/** As kubelet does for a Pod. Whether there is one. */
async function mountCertificate(path: (name: string) => string): Promise<boolean> {
  const secret = `/api/v1/namespaces/${SYSTEM}/secrets/curfew-certificates`;
  const { status, body } = await request<KubernetesObject & { data?: Record<string, string> }>("GET", secret);
  const { "tls.crt": cert, "tls.key": key } = body.data ?? {};
  if (status !== 200 || cert === undefined || key === undefined) return false;
  const pem = Buffer.from(cert, "base64");
  // The admission server wakes up whenever they're written.
  if (existsSync(path("tls.crt")) && readFileSync(path("tls.crt")).equals(pem)) return true;
  writeFileSync(path("tls.crt"), pem);
  writeFileSync(path("tls.key"), Buffer.from(key, "base64"));
  return true;
}

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly "certificate-authority-data": string };
  }[];
  users: { user: Record<string, string> }[];
}

function adminKubeconfig(): Kubeconfig {
  return parse(readFileSync(process.env["KUBECONFIG"] ?? "", "utf8")) as Kubeconfig;
}

/** With a ServiceAccount's token, so that it has no other rights than in a cluster. */
function kubeconfigOf(account: string): string {
  const token = execFileSync("kubectl", ["create", "token", account, "-n", SYSTEM], { encoding: "utf8" }).trim();
  const kubeconfig = adminKubeconfig();
  for (const user of kubeconfig.users) user.user = { token };
  return stringify(kubeconfig);
}

function dispatchConfig(endpoint: string): string {
  return stringify({
    webhook: { secrets: [{ env: "SECRET" }] },
    stacks: { agentToken: { env: "AGENT_TOKEN" }, endpoint },
    queues: [{ name: "kubernetes", default: true, mode: "queue", namespace: BUILDS, idleTimeoutSeconds: 4 }],
  });
}

function scrapeConfigs(path: (name: string) => string, address: string): object[] {
  const { clusters, users } = adminKubeconfig();
  const [{ cluster } = { cluster: { server: "", "certificate-authority-data": "" } }] = clusters;
  const files = {
    ca: cluster["certificate-authority-data"],
    cert: users[0]?.user["client-certificate-data"] ?? "",
    key: users[0]?.user["client-key-data"] ?? "",
  };
  for (const [name, data] of Object.entries(files)) writeFileSync(path(`scrape.${name}`), Buffer.from(data, "base64"));
  const targets = Object.entries(OPS_PORTS).map(([process, port]) => ({
    targets: [`${process === "admission" ? address : "127.0.0.1"}:${port}`],
    labels: { pod: PODS[process as keyof typeof PODS] },
  }));
  return [
    { job_name: "curfew", static_configs: targets },
    {
      job_name: "apiserver",
      scheme: "https",
      tls_config: { ca_file: path("scrape.ca"), cert_file: path("scrape.cert"), key_file: path("scrape.key") },
      static_configs: [{ targets: [new URL(cluster.server).host] }],
    },
  ];
}
