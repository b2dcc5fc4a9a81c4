/** `curfew dispatch` as a process. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import type { ApiServer, Fault } from "../../../sim/api-server/api-server.ts";
import { bareEnvironment } from "../../support/bare-environment.ts";
import { testApiServer } from "../../support/dispatch/dispatcher.ts";
import { deliver, webhookPayload } from "../../../sim/buildkite/webhook.ts";

const CLI = join(import.meta.dirname, "../../../src/cli.ts");
const CONFIG = "webhook: { secrets: [{ env: SECRET }] }\nqueues: [{ name: kubernetes, default: true }]\n";

interface Running {
  readonly child: ChildProcess;
  /** The configuration's. */
  readonly file: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exit: Promise<number | null>;
}

/** @param beside more files in the folder of the configuration, by name. */
function run(
  config: string,
  args: readonly string[],
  env: Record<string, string> = {},
  beside: Readonly<Record<string, string>> = {},
): Running {
  const folder = mkdtempSync(join(tmpdir(), "curfew-dispatch-"));
  const file = join(folder, "dispatch.yaml");
  writeFileSync(file, config);
  for (const [name, text] of Object.entries(beside)) writeFileSync(join(folder, name), text);
  const child = spawn(process.execPath, [CLI, "dispatch", "--config", file, ...args], {
    env: { ...bareEnvironment, SECRET: "s3cret", ...env },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
    rmSync(folder, { recursive: true });
  });
  return { child, file, stdout: () => stdout, stderr: () => stderr, exit };
}

test("--check prints the Jobs as they would be created, and no secret", async () => {
  const { exit, stdout, stderr } = run(CONFIG, ["--check"]);
  expect(await exit).toBe(0);
  expect(stderr()).toBe(
    "curfew dispatch: valid: 1 queue, 1 template, 1 secret. Not checked: what the API server and Buildkite say to them.\n",
  );
  expect(parse(stdout())).toMatchObject({ apiVersion: "batch/v1", kind: "Job", metadata: { namespace: "buildkite" } });
  expect(stdout()).not.toContain("s3cret");
});

const ELSEWHERE = `
webhook: { secrets: [{ file: /nowhere/webhook }] }
stacks: { agentToken: { env: NOT_SET } }
queues:
  - name: kubernetes
    templates: [{ tags: { size: large }, templateFile: /nowhere/large.yaml }]
`;
const LARGE = "spec: { template: { spec: { containers: [{ name: agent, image: large }] } } }";

test("--check --no-secrets needs no secret, finds templates beside the file, and says what it didn't check", async () => {
  const { exit, stdout, stderr, file } = run(ELSEWHERE, ["--check", "--no-secrets"], {}, { "large.yaml": LARGE });
  expect(await exit).toBe(0);
  expect(stderr().split("\n")).toEqual([
    `curfew dispatch: ${file}: webhook.secrets[0]: /nowhere/webhook isn't read`,
    `curfew dispatch: ${file}: stacks.agentToken: the environment variable NOT_SET isn't read`,
    "curfew dispatch: valid: 1 queue, 2 templates. Not checked: 2 secrets, and what the API server and Buildkite say.",
    "",
  ]);
  expect(stdout()).toContain("image: large");
});

test("--check --no-secrets still reports all other problems", async () => {
  const wrong = "webhook: { secrets: [{ path: /nowhere }] }\nqueues: [{ name: kubernetes, templateFile: /nowhere }]";
  const { exit, stdout, stderr, file } = run(wrong, ["--check", "--no-secrets"]);
  expect(await exit).toBe(2);
  expect(stdout()).toBe("");
  expect(stderr().split("\n")).toEqual([
    expect.stringMatching(/webhook\.secrets\[0\]: must be \{ file: PATH \}/),
    `curfew dispatch: ${file}: queues[0].templateFile: can't read /nowhere: no such file or directory`,
    "",
  ]);
});

test("--no-secrets and -o need --check, as nothing could be served without secrets", async () => {
  const { exit, stderr } = run(CONFIG, ["--no-secrets", "-o", "json"]);
  expect(await exit).toBe(2);
  expect(stderr()).toBe(
    "curfew dispatch: --no-secrets needs --check: without secrets, nothing can be served\n" +
      "curfew dispatch: -o needs --check\n",
  );
});

test("--check -o json has each template's Job with its queue and tags", async () => {
  const { exit, stdout } = run(ELSEWHERE, ["--check", "--no-secrets", "-o", "json"], {}, { "large.yaml": LARGE });
  expect(await exit).toBe(0);
  expect(JSON.parse(stdout())).toMatchObject({
    schemaVersion: 1,
    secretsRead: false,
    templates: [
      { queue: "kubernetes", tags: { size: "large" }, job: { kind: "Job" } },
      { queue: "kubernetes", tags: {}, job: { kind: "Job" } },
    ],
  });
});

test("warns about what's probably a mistake, and goes on", async () => {
  const stacks = 'stacks: { agentToken: { env: SECRET }, endpoint: "http://buildkite.example/v3" }';
  const { exit, stdout, stderr } = run(`${CONFIG}${stacks}\n`, ["--check"]);
  expect(await exit).toBe(0);
  expect(stderr()).toMatch(
    /^curfew dispatch: .*: stacks\.endpoint: is http:\/\/, so the agent token travels in clear text/,
  );
  expect(stdout()).toContain("kind: Job");
});

test("reports all problems of the command line and the file at once, and exits with 2", async () => {
  const { exit, stdout, stderr } = run("webhook: { secrets: [] }\nqueues: []", ["--check", "--port", "http"]);
  expect(await exit).toBe(2);
  expect(stdout()).toBe("");
  expect(stderr().trim().split("\n")).toHaveLength(3);
});

/** A dispatcher that has started. `logged`: what shows that. */
async function serving(
  config = CONFIG,
  logged = '"ready"',
  fault?: ApiServer["fault"],
): Promise<Running & { api: ApiServer; url: string; ops: string }> {
  const api = await testApiServer();
  if (fault) api.fault = fault;
  const folder = mkdtempSync(join(tmpdir(), "curfew-kubeconfig-"));
  const kubeconfig = join(folder, "config");
  writeFileSync(kubeconfig, api.kubeconfig);
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const args = ["--host", "127.0.0.1", "--port", "0", "--ops-port", "0", "--drain-seconds", "0"];
  const running = run(config, args, { KUBECONFIG: kubeconfig });
  const ready = (): { port: number; opsPort: number } | undefined => {
    const line = running
      .stdout()
      .split("\n")
      .find((text) => text.includes(logged));
    return line === undefined ? undefined : (JSON.parse(line) as { port: number; opsPort: number });
  };
  await expect.poll(ready, { timeout: 60_000 }).toBeDefined();
  const { port = 0, opsPort = 0 } = ready() ?? {};
  return {
    ...running,
    api,
    url: `http://127.0.0.1:${port}/webhooks/buildkite`,
    ops: `http://127.0.0.1:${opsPort}`,
  };
}

test("serves until SIGTERM, finishes what it began, and exits with 0", async () => {
  const { api, child, exit, url, ops } = await serving();
  expect((await fetch(`${ops}/healthz`)).status).toBe(200);
  expect((await fetch(`${ops}/readyz`)).status).toBe(200);

  let creating = false;
  api.fault = () => {
    creating = true;
    return { kind: "delay", ms: 300 };
  };
  const answer = deliver(url, "s3cret", webhookPayload("job.scheduled", { id: randomUUID() }));
  await expect.poll(() => creating).toBe(true);
  expect(await (await fetch(`${ops}/metrics`)).text()).toContain("curfew_dispatch_delivery_age_seconds_count 1");
  child.kill("SIGTERM");
  expect(await answer).toEqual({ status: 200, body: { outcome: "created" } });
  expect(await exit).toBe(0);
  expect(api.jobs()).toHaveLength(1);
}, 90_000);

test("ends at once at a second SIGTERM, even if a request hangs", async () => {
  const { api, child, exit, stdout, url } = await serving();
  let creating = false;
  api.fault = () => {
    creating = true;
    return { kind: "delay", ms: 600_000 };
  };
  const hanging = deliver(url, "s3cret", webhookPayload("job.scheduled", { id: randomUUID() })).catch(() => "cut");
  await expect.poll(() => creating).toBe(true);
  child.kill("SIGTERM");
  await expect.poll(stdout).toContain('"draining"');
  child.kill("SIGTERM");
  expect(await exit).toBe(143);
  expect(await hanging).toBe("cut");
  expect(stdout()).toContain("ended at once by a second signal");
}, 90_000);

test("isn't ready if it isn't allowed to see its Jobs, says why, and gets ready by itself once it is", async () => {
  const stacks = "stacks: { agentToken: { env: SECRET }, endpoint: 'http://127.0.0.1:9' }\n";
  const forbidden: Fault = { kind: "status", code: 403, message: "jobs.batch is forbidden" };
  const { api, ops, stdout } = await serving(CONFIG + stacks, '"not ready yet"', () => forbidden);
  const readyz = await fetch(`${ops}/readyz`);
  expect(readyz.status).toBe(503);
  expect(await readyz.text()).toContain("cannot list Jobs in buildkite: 403 jobs.batch is forbidden: check that");
  expect((await fetch(`${ops}/healthz`)).status).toBe(200);
  expect(stdout()).toContain("cannot see Jobs: check that the namespace buildkite exists");
  api.fault = () => undefined;
  await expect.poll(async () => (await fetch(`${ops}/readyz`)).status, { timeout: 30_000 }).toBe(200);
}, 90_000);
