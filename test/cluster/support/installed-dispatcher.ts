/**
 * manifests/dispatch as shipped, installed as docs/buildkite.md says, except that Buildkite is the
 * fake.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import { parse, stringify } from "yaml";
import { deliver, webhookPayload, type Delivery } from "../../../sim/buildkite/webhook.ts";
import type { FakeBuildkite } from "../../../sim/buildkite/buildkite.ts";
import type { FakeJob } from "../../../sim/buildkite/jobs.ts";
import { kubectl, kubectlOutput } from "./kubectl.ts";

const shipped = path.join(import.meta.dirname, "../../../manifests/dispatch");
const WEBHOOK_TOKEN = "the webhook's token";

/** The namespace in which the manifests have agent Jobs created. */
export const BUILDS = "buildkite";

/** The label of the nodes that the Pods of some builds wait for. */
export const lateNodes = (start: string): Readonly<Record<string, string>> => ({ [`curfew.test/${start}`]: "true" });

interface Config {
  stacks: Record<string, unknown>;
  queues: Record<string, unknown>[];
}
interface Template {
  spec: { template: { spec: { containers: { name: string; env: object[] }[] } } };
}

/**
 * Installs the dispatcher while the tests of the calling file run. Besides the manifests' queue
 * `kubernetes`, it serves the queues `acquire` and `late`, in acquire mode. Returns a function that
 * sends it an event of a job. The set-up fails if the namespace for builds already exists, because another
 * dispatcher's builds would be removed in the end.
 */
export function installedDispatcher(buildkite: FakeBuildkite): (event: string, job: FakeJob) => Promise<Delivery> {
  const folder = mkdtempSync(path.join(tmpdir(), "curfew-dispatch-"));
  let url = "";
  let forwarding: ChildProcess | undefined;
  beforeAll(async () => {
    writeKustomization(folder, process.env["CURFEW_IMAGE"] ?? "", buildkite);
    await kubectlOutput(["create", "namespace", BUILDS]);
    const token = buildkite.agentToken;
    const tokens = { "webhook-token": WEBHOOK_TOKEN, "agent-token": token };
    await createSecret("curfew-system", "curfew-dispatch", tokens);
    await createSecret(BUILDS, "buildkite-agent", { token });
    await kubectlOutput(["apply", "-k", folder]);
    await kubectlOutput(["-n", "curfew-system", "rollout", "status", "deployment/curfew-dispatch", "--timeout=120s"]);
    forwarding = spawn("kubectl", ["port-forward", "-n", "curfew-system", "service/curfew-dispatch", ":80"]);
    url = `${await forwardedTo(forwarding)}/webhooks/buildkite`;
  });
  afterAll(async () => {
    forwarding?.kill();
    await kubectl(["-n", "curfew-system", "delete", "secret", "curfew-dispatch"]);
    await kubectlOutput(["delete", "-k", folder, "--timeout=180s"]);
    rmSync(folder, { recursive: true });
  });
  return (event, job) => deliver(url, WEBHOOK_TOKEN, webhookPayload(event, job));
}

async function createSecret(namespace: string, name: string, values: Readonly<Record<string, string>>): Promise<void> {
  const literals = Object.entries(values).map(([key, value]) => `--from-literal=${key}=${value}`);
  await kubectlOutput(["-n", namespace, "create", "secret", "generic", name, ...literals]);
}

/** What all of its replicas have logged. */
export async function dispatcherLogs(): Promise<string> {
  return kubectlOutput(["-n", "curfew-system", "logs", "-l", "app.kubernetes.io/component=dispatch", "--tail=-1"]);
}

/** Writes a kustomization like an operator's own. */
function writeKustomization(folder: string, image: string, buildkite: FakeBuildkite): void {
  const config = readYaml("dispatch.yaml") as Config;
  config.stacks["endpoint"] = buildkite.endpoint;
  const template = readYaml("job.yaml") as Template;
  const agent = template.spec.template.spec.containers.find(({ name }) => name === "agent");
  agent?.env.push({ name: "BUILDKITE_AGENT_ENDPOINT", value: buildkite.endpoint });
  const acquire = { ...config.queues[0], name: "acquire", default: false, mode: "acquire" };
  config.queues.push(acquire, { ...acquire, name: "late", reservationSeconds: 30, templates: lateTemplates(template) });
  const [, newName, newTag] = /^(.*):([^:/]+)$/.exec(image) ?? [];
  // The fake doesn't listen on 443.
  const egress = { ports: [{ protocol: "TCP", port: Number(new URL(buildkite.endpoint).port) }] };
  const kustomization = {
    patches: [
      {
        target: { kind: "NetworkPolicy", name: "curfew-dispatch" },
        patch: stringify([{ op: "add", path: "/spec/egress/-", value: egress }]),
      },
    ],
    resources: [path.relative(folder, shipped)],
    images: [{ name: "curfew", newName, newTag }],
    configMapGenerator: [
      {
        name: "curfew-dispatch",
        namespace: "curfew-system",
        behavior: "merge",
        files: ["dispatch.yaml", "job.yaml"],
      },
    ],
  };
  const files = { "dispatch.yaml": config, "job.yaml": template, "kustomization.yaml": kustomization };
  for (const [name, value] of Object.entries(files)) writeFileSync(path.join(folder, name), stringify(value));
}

/** Their Pods don't start until a test resumes the Job, or labels a node. */
function lateTemplates(template: Template): object[] {
  const { spec } = template;
  const waiting = ["scheduled", "repaired"].map((start) => {
    const pod = { ...spec.template, spec: { ...spec.template.spec, nodeSelector: lateNodes(start) } };
    return { tags: { start }, template: { ...template, spec: { ...spec, template: pod } } };
  });
  return [{ tags: { start: "resumed" }, template: { ...template, spec: { ...spec, suspend: true } } }, ...waiting];
}

function readYaml(name: string): unknown {
  return parse(readFileSync(path.join(shipped, "server", name), "utf8")) as unknown;
}

/** The URL that a `kubectl port-forward` serves. */
async function forwardedTo(child: ChildProcess): Promise<string> {
  let said = "";
  return await new Promise((resolve, reject) => {
    child.on("error", reject).on("exit", () => {
      reject(new Error(`kubectl port-forward ended: ${said}`));
    });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const [, local] = /^Forwarding from 127\.0\.0\.1:(\d+)/m.exec(said) ?? [];
      if (local !== undefined) resolve(`http://127.0.0.1:${local}`);
    });
  });
}
