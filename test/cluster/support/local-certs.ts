/**
 * `curfew certs` as a process beside the tests, with the token and so the rights of its own ServiceAccount, and an admission server that
 * serves with what it issues, behind a real Service whose address is the machine's own. Lifetimes are seconds.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { accepted, create, request, type KubernetesObject } from "./api.ts";
import { readSecret, watchCertificates, type CertificatesSeen } from "./certificate-watch.ts";
import { kubectlOutput } from "./kubectl.ts";
import { job, script } from "./manifests.ts";
import { asList, renamedManifests } from "./renamed-manifests.ts";
import { until } from "./until.ts";

const root = path.join(import.meta.dirname, "../../..");

/**
 * A certificate is renewed after 12 s with 6 s left, an authority after 16 s with 8 s left: a busy machine may be that late, less the
 * delays below.
 */
const SECONDS = { "certificate-lifetime": 18, "authority-lifetime": 24, "publish-delay": 1, "rollout-delay": 3 };
/** As kubelet brings a Secret to a Pod: late, but not by a minute or two. */
const KUBELET_MS = 1_000;
const PAUSE_MS = 20;

/** What Jobs that were created without pause, and handshakes beside them, met. */
export interface RotationSeen extends CertificatesSeen {
  readonly jobs: number;
}

/** Who issues certificates in the place of `curfew certs`. */
export interface Issuer {
  /** A folder for kustomize, with a namespace of its own. */
  readonly manifests: string;
  /** The Secret that Pods mount. */
  readonly secret: string;
}

/** An installation in a namespace of its own. */
export class LocalCerts {
  readonly namespace: string;
  readonly #issuer: Issuer | undefined;
  readonly configuration: string;
  readonly #folder = mkdtempSync(path.join(tmpdir(), "curfew-certs-"));
  readonly #processes: { readonly subcommand: string; readonly child: ChildProcess }[] = [];
  #objects: readonly KubernetesObject[] = [];
  #address: string | undefined;
  #mounted: string | undefined;
  #kubelet: NodeJS.Timeout | undefined;

  constructor(namespace: string, issuer?: Issuer) {
    this.namespace = namespace;
    this.#issuer = issuer;
    this.configuration = `curfew-${namespace}`;
  }

  /** Resolves once it answers. */
  async install(): Promise<void> {
    const { namespace } = this;
    this.#objects = (await renamedManifests(namespace, this.#issuer?.manifests)).filter(
      ({ kind = "" }) => kind !== "Deployment" && !kind.startsWith("Validating"),
    );
    await kubectlOutput(["apply", "-f", "-"], asList(this.#objects));
    const address = await serviceAddress(namespace);
    execFileSync("ip", ["addr", "add", `${address}/32`, "dev", "lo"]);
    this.#address = address;
    if (this.#issuer === undefined) this.startCerts();
    await until("there is a serving certificate", async () => {
      await this.#mountSecret();
      return this.#mounted;
    });
    this.#kubelet = setInterval(() => void this.#mountSecret().catch(() => undefined), KUBELET_MS);
    const files = { "tls-cert": this.#file("tls.crt"), "tls-key": this.#file("tls.key") };
    this.#start("admission", { host: address, port: 443, "ops-port": 0, ...files });
    await this.untilAnswered();
  }

  /** Resolves once a Job is created through it. */
  async untilAnswered(): Promise<void> {
    await until("the webhook answers", async () => (await createJob(this.namespace)).status === 201);
  }

  /** Takes away what there is of it. */
  async remove(): Promise<void> {
    clearInterval(this.#kubelet);
    for (const { child } of this.#processes) child.kill("SIGKILL");
    if (this.#address !== undefined) execFileSync("ip", ["addr", "del", `${this.#address}/32`, "dev", "lo"]);
    rmSync(this.#folder, { recursive: true });
    await kubectlOutput(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], asList(this.#objects));
  }

  /** Starts a `curfew certs`, be there one already. */
  startCerts(): ChildProcess {
    writeFileSync(this.#file("kubeconfig"), kubeconfigOf(this.namespace));
    const names = { namespace: this.namespace, "webhook-configuration": this.configuration };
    const flags = { host: "127.0.0.1", "ops-port": 0, ...names, ...SECONDS };
    return this.#start("certs", flags, { KUBECONFIG: this.#file("kubeconfig") });
  }

  /** SIGKILLs every `curfew certs`. */
  killCerts(): void {
    for (const { subcommand, child } of this.#processes) if (subcommand === "certs") child.kill("SIGKILL");
  }

  /** Creates Jobs without pause until `isEnough`, or one fails, and returns what was seen from the call on. */
  async createJobsUntil(what: string, isEnough: (seen: RotationSeen) => boolean, seconds = 120): Promise<RotationSeen> {
    const { namespace, configuration } = this;
    const secret = this.#issuer && { secret: this.#issuer.secret };
    const { look, seen } = watchCertificates({ namespace, configuration, address: this.#address, ...secret });
    const refused: string[] = [];
    let jobs = 0;
    const all = (): RotationSeen => ({ ...seen(), jobs, failures: [...refused, ...seen().failures] });
    for (const end = Date.now() + seconds * 1000; all().failures.length === 0 && !isEnough(all());) {
      if (Date.now() > end) throw new Error(`did not happen within ${seconds} s: ${what}`);
      await sleep(PAUSE_MS);
      const { status, body } = await createJob(namespace);
      jobs += 1;
      if (status !== 201) refused.push(body.message ?? String(status));
      await look();
    }
    return all();
  }

  readonly #file = (name: string): string => path.join(this.#folder, name);

  #start(
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
    this.#processes.push({ subcommand, child });
    return child;
  }

  async #mountSecret(): Promise<void> {
    const { "tls.crt": cert, "tls.key": key } = (await readSecret(this.namespace, this.#issuer?.secret)) ?? {};
    if (cert === undefined || key === undefined || cert === this.#mounted) return;
    writeFileSync(this.#file("tls.crt"), cert);
    writeFileSync(this.#file("tls.key"), key);
    this.#mounted = cert;
  }
}

/** Makes the address that the Service has the webhook's endpoint, too. */
async function serviceAddress(namespace: string): Promise<string> {
  const service = accepted(
    await request<KubernetesObject & { spec: { clusterIP: string } }>(
      "GET",
      `/api/v1/namespaces/${namespace}/services/curfew-admission`,
    ),
  );
  const address = service.spec.clusterIP;
  const slice = {
    metadata: { name: "curfew-admission-test", labels: { "kubernetes.io/service-name": "curfew-admission" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "webhook", port: 443, protocol: "TCP" }],
  };
  accepted(await request("POST", `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, slice));
  return address;
}

/** The ServiceAccount's, so that a right that its Role lacks is a failure here. */
function kubeconfigOf(namespace: string): string {
  const kubectl = (...args: string[]): string => execFileSync("kubectl", args, { encoding: "utf8" });
  const token = kubectl("create", "token", "curfew-certs", "-n", namespace).trim();
  const kubeconfig = parse(kubectl("config", "view", "--raw")) as { users: { user: object }[] };
  for (const user of kubeconfig.users) user.user = { token };
  return stringify(kubeconfig);
}

/** A Job with the label that `renamedManifests` gives the webhook, without which the API server does not create it. */
async function createJob(namespace: string): ReturnType<typeof create> {
  const labels = { [`${namespace}/enabled`]: "true" };
  return create("default", job(namespace, [script("main", "true")], { labels }), "?dryRun=All");
}
