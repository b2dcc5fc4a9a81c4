/**
 * A real `curfew dispatch` process with the fake Buildkite, whose rate limits are the documented
 * ones, and the tests' small API server. Both are in this process, so that they don't count.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { CORES } from "../../bench/lib/cores.ts";
import { nodeOptionsOf } from "../../bench/lib/node-options.ts";
import { startProgram, type ServerProcess } from "../../bench/lib/server-process.ts";
import { bundle } from "../../scripts/bundle.ts";
import { startApiServer, type ApiServer } from "../../sim/api-server/api-server.ts";
import { FakeBuildkite } from "../../sim/buildkite/buildkite.ts";
import { deliver, webhookPayload } from "../../sim/buildkite/webhook.ts";
import type { FakeJob } from "../../sim/buildkite/jobs.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const SECRET = "soak";

export interface SoakedDispatcher {
  readonly fake: FakeBuildkite;
  readonly api: ApiServer;
  /** Starts the process. Until then, Buildkite's jobs and the simulation can be prepared. */
  readonly start: () => Promise<ServerProcess>;
  /** Sends a job's webhook. Resolves to the status code of the answer. */
  readonly send: (job: FakeJob) => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Prepares a dispatcher with one queue, which has these settings besides its name. */
export async function soakedDispatcher(queue: Record<string, unknown>): Promise<SoakedDispatcher> {
  await bundle(true);
  const folder = mkdtempSync(join(tmpdir(), "curfew-soak-"));
  const fake = await new FakeBuildkite().listen();
  const api = await startApiServer();
  const files = { config: join(folder, "dispatch.yaml"), kubeconfig: join(folder, "kubeconfig") };
  const config = {
    organization: "acme",
    webhook: { secrets: [{ env: "SOAK_SECRET" }] },
    stacks: { agentToken: { env: "SOAK_TOKEN" }, endpoint: fake.endpoint },
    queues: [{ name: "kubernetes", default: true, ...queue }],
  };
  writeFileSync(files.config, stringify(config));
  writeFileSync(files.kubeconfig, api.kubeconfig);
  let server: ServerProcess | undefined;
  return {
    fake,
    api,
    async start() {
      const args = ["--config", files.config, "--host", "127.0.0.1", "--port", "0", "--ops-port", "0"];
      const secrets = [`SOAK_SECRET=${SECRET}`, `SOAK_TOKEN=${fake.agentToken}`];
      const program = ["env", `KUBECONFIG=${files.kubeconfig}`, ...secrets, process.execPath];
      const log = join(folder, "dispatch.log");
      server = await startProgram(
        [...program, ...nodeOptionsOf("dispatch/server"), CLI, "dispatch", ...args],
        log,
        CORES.server,
      );
      return server;
    },
    async send(job) {
      const url = `http://127.0.0.1:${server?.port ?? 0}/webhooks/buildkite`;
      return (await deliver(url, SECRET, webhookPayload("job.scheduled", job))).status;
    },
    async stop() {
      await server?.stop();
      await api.close();
      await fake.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
