/**
 * Runs `curfew certs` as a process beside the tests, with the token of its own ServiceAccount, and
 * an admission server that serves with its certificates. The server is behind a real Service whose
 * address is this machine's. Lifetimes are seconds.
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
 * A certificate is renewed after 18 s with 9 s left, an authority after 24 s with 12 s left. That's
 * how late a busy machine may be, minus the delays.
 */
const SECONDS = { "certificate-lifetime": 27, "authority-lifetime": 36, "publish-delay": 1, "rollout-delay": 3 };
/** How often the Secret is copied to the server's files. kubelet takes a minute or two. */
const KUBELET_MS = 1_000;
const PAUSE_MS = 20;

/** What has been seen while Jobs were created without pause. */
export interface RotationSeen extends CertificatesSeen {
  readonly jobs: number;
}

/** What issues certificates instead of `curfew certs`. */
export interface Issuer {
  /** A folder for kustomize, with its own namespace. */
  readonly manifests: string;
  /** The Secret that Pods mount. */
  readonly secret: string;
}

/** An installation in its own namespace. */
export class LocalCerts {
  readonly namespace: string;
  readonly #issuer: Issuer | undefined;
  /** The name of the first MutatingWebhookConfiguration. The other's is `zz-` and this. */
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

  /** Resolves once the webhook answers. */
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

  /** Resolves once the webhook lets a Job be created. */
  async untilAnswered(): Promise<void> {
    await until("the webhook answers", async () => (await createJob(this.namespace)).status === 201);
  }

  /** Removes whatever has been installed. */
  async remove(): Promise<void> {
    clearInterval(this.#kubelet);
    for (const { child } of this.#processes) child.kill("SIGKILL");
    if (this.#address !== undefined) execFileSync("ip", ["addr", "del", `${this.#address}/32`, "dev", "lo"]);
    rmSync(this.#folder, { recursive: true });
    await kubectlOutput(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], asList(this.#objects));
  }

  /** Starts a `curfew certs`, even if one is running already. */
  startCerts(): ChildProcess {
    writeFileSync(this.#file("kubeconfig"), kubeconfigOf(this.namespace));
    const names = {
      namespace: this.namespace,
      "webhook-configuration": `${this.configuration},zz-${this.configuration}`,
    };
    const flags = { host: "127.0.0.1", "ops-port": 0, ...names, ...SECONDS };
    return this.#start("certs", flags, { KUBECONFIG: this.#file("kubeconfig") });
  }

  /** SIGKILLs every `curfew certs`. */
  killCerts(): void {
    for (const { subcommand, child } of this.#processes) if (subcommand === "certs") child.kill("SIGKILL");
  }

  /**
   * Creates Jobs without pause until `isEnough` or a failure, and returns what has been seen since.
   * @throws Error if neither happens within `seconds`.
   */
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

/** The address of the webhook's Service, which becomes its endpoint as well. */
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

/**
 * A kubeconfig with the ServiceAccount's token, so that a permission its Role lacks is a failure.
 */
function kubeconfigOf(namespace: string): string {
  const kubectl = (...args: string[]): string => execFileSync("kubectl", args, { encoding: "utf8" });
  const token = kubectl("create", "token", "curfew-certs", "-n", namespace).trim();
  const kubeconfig = parse(kubectl("config", "view", "--raw")) as { users: { user: object }[] };
  for (const user of kubeconfig.users) user.user = { token };
  return stringify(kubeconfig);
}

/** Creates a Job with the label that `renamedManifests` makes the webhook select. */
async function createJob(namespace: string): ReturnType<typeof create> {
  const labels = { [`${namespace}/enabled`]: "true" };
  return create("default", job(namespace, [script("main", "true")], { labels }), "?dryRun=All");
}
