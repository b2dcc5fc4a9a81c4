/**
 * The manifests as shipped, on a real cluster, except that lifetimes are minutes: every certificate
 * and every authority is replaced while Jobs are created without pause. Kubelet updates each
 * certificate in the Pods a minute or two late.
 */
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../cluster/harness/cluster.ts";
import { importImage } from "../cluster/harness/image.ts";
import { accepted, request } from "../cluster/support/api.ts";
import { secretPath, watchCertificates } from "../cluster/support/certificate-watch.ts";
import type { CertificatesSeen } from "../cluster/support/certificate-watch.ts";
import installWebhook from "../cluster/support/installed-webhook.ts";
import { createJobs, describeLoad, type JobLoadResult } from "../cluster/support/job-load.ts";
import { kubectl, kubectlOutput } from "../cluster/support/kubectl.ts";
import { clusterMissing, runInCluster } from "../../bench/lib/in-cluster.ts";
import type { SoakOptions, SoakProgram, Table } from "./table.ts";

/**
 * A certificate is replaced after four minutes with two left, an authority after eight with four
 * left. Even if kubelet takes 100 s, every Pod has presented its certificate for long enough before
 * the next is due.
 */
const SECONDS = { "certificate-lifetime": 360, "authority-lifetime": 720, "publish-delay": 10, "rollout-delay": 45 };
const NAMESPACE = "curfew-system";
const LOOK_MS = 1_000;
/** Four Jobs a second. All of them still exist at the end. */
const PAUSE_MS = 1_000;

export const rotation: SoakProgram = {
  summary:
    "on a real cluster: certificates that live for minutes, replaced while Jobs are created; no Job may be refused",
  async run(options) {
    if (process.env["KUBECONFIG"] !== undefined && process.env["CURFEW_IMAGE"] !== undefined) return measure(options);
    const missing = clusterMissing();
    if (missing === undefined) return inClusterOfItsOwn(options);
    return { columns: ["not run"], rows: [[`${missing}; or set KUBECONFIG and CURFEW_IMAGE`]], failed: true };
  },
};

/** Runs it with the image of this checkout. */
async function inClusterOfItsOwn({ short, long, note }: SoakOptions): Promise<Table> {
  const image = `curfew:soak-${Date.now()}`;
  const prepare = async (cluster: Cluster): Promise<NodeJS.ProcessEnv> => {
    await importImage(cluster, image);
    return { CURFEW_IMAGE: image };
  };
  const runner = path.join(import.meta.dirname, "soak.ts");
  return (await runInCluster({ tier: "node", runner, name: "rotation", short, long, note, prepare })) as Table;
}

async function measure({ short, long, note }: SoakOptions): Promise<Table> {
  const { stdout } = await kubectl(["get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"]);
  if (stdout !== "")
    throw new Error(`${NAMESPACE} already exists, and this program would shorten the lives of its certificates`);
  const uninstall = await installWebhook();
  const jobs = `rotation-${process.pid}`;
  try {
    accepted(await request("POST", "/api/v1/namespaces", { metadata: { name: jobs } }));
    await shortenLives();
    const watch = watchCertificates({ namespace: NAMESPACE, configuration: "curfew", address: await reachable() });
    const load = createJobs(jobs, PAUSE_MS);
    await watch.look();
    // What was issued earlier lives for a month and a year.
    accepted(await request("DELETE", secretPath(NAMESPACE)));
    const minutes = short ? 12 : long ? 60 : 20;
    for (let minute = 0; minute < minutes; minute += 1) {
      for (const end = Date.now() + 60_000; Date.now() < end;) {
        await watch.look();
        await sleep(LOOK_MS);
      }
      const { issued, trusted, retired } = watch.seen();
      note(
        `${minute + 1} min: ${load.created()} Jobs, ${issued.size} certificates, ${trusted.size} authorities, ${retired.size} retired`,
      );
    }
    const result = await load.stop();
    note(describeLoad("rotation", result));
    return tableOf(minutes, watch.seen(), result, note);
  } finally {
    await request("DELETE", `/api/v1/namespaces/${jobs}`);
    await uninstall();
  }
}

async function shortenLives(): Promise<void> {
  const args = ["certs", ...Object.entries(SECONDS).map(([flag, seconds]) => `--${flag}=${seconds}`)];
  const patch = [{ op: "replace", path: "/spec/template/spec/containers/0/args", value: args }];
  const deployment = ["-n", NAMESPACE, "deployment/curfew-certs"];
  await kubectlOutput(["patch", ...deployment, "--type=json", "--patch", JSON.stringify(patch)]);
  await kubectlOutput(["rollout", "status", ...deployment, "--timeout=120s"]);
}

/**
 * The address of the webhook's Service if it can be reached from here: on a node, or by a route to
 * the Services.
 */
async function reachable(): Promise<string | undefined> {
  const service = ["-n", NAMESPACE, "service", "curfew-admission"];
  const address = await kubectlOutput(["get", ...service, "-o", "jsonpath={.spec.clusterIP}"]);
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 443, timeout: 3_000 });
    const end = (result: string | undefined) => () => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", end(address)).once("error", end(undefined)).once("timeout", end(undefined));
  });
}

function tableOf(
  minutes: number,
  { issued, trusted, retired, handshakes, failures, slowestPodMs }: CertificatesSeen,
  jobs: JobLoadResult,
  note: (text: string) => void,
): Table {
  for (const failure of new Set(failures)) note(`a handshake failed: ${failure}`);
  const failed = failures.length + jobs.failures.length + jobs.lost.length + jobs.unpatched.length;
  const cells: readonly (readonly [string, string | number])[] = [
    ["minutes", minutes],
    ["certificates", issued.size],
    ["authorities", trusted.size],
    ["retired", retired.size],
    ["slowest Pod", `${Math.round(slowestPodMs / 1000)} s`],
    ["Jobs", jobs.sent],
    ["refused", jobs.failures.length],
    ["lost", jobs.lost.length],
    ["not patched", jobs.unpatched.length],
    ["handshakes", handshakes],
    ["failed", failures.length],
  ];
  return {
    columns: cells.map(([column]) => column),
    rows: [cells.map(([, cell]) => cell.toLocaleString("en"))],
    failed: failed > 0 || retired.size === 0,
  };
}
