/** `curfew admission` as its own process: configuration, signals, exit codes. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodePatch, post, reviewOf } from "../../support/admission/admission.ts";
import { bareEnvironment } from "../../support/bare-environment.ts";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";

const CLI = new URL("../../../src/cli.ts", import.meta.url).pathname;
const authority = createTestAuthority();

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "curfew-admission-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  /** The log's first line with this message. */
  readonly line: (message: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly end: Promise<{ readonly code: number | null; readonly stderr: string }>;
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [CLI, "admission", ...args], {
    env: { ...bareEnvironment, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const find = (message: string): Readonly<Record<string, unknown>> | undefined =>
    stdout
      .split("\n")
      .slice(0, -1)
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .find(({ msg }) => msg === message);
  return {
    child,
    async line(message) {
      await expect.poll(() => find(message), { timeout: 25_000 }).toBeDefined();
      return find(message) ?? {};
    },
    end: once(child, "close").then(() => ({ code: child.exitCode, stderr })),
  };
}

function writeCertificate(): string[] {
  const { cert, key } = authority.issue();
  writeFileSync(join(folder, "tls.crt"), cert);
  writeFileSync(join(folder, "tls.key"), key);
  return ["--tls-cert", join(folder, "tls.crt"), "--tls-key", join(folder, "tls.key")];
}

const LOCAL = ["--host", "127.0.0.1", "--port", "0", "--ops-port", "0"];

test("serves reviews until SIGTERM, drains, and exits with 0", async () => {
  const { child, line, end } = start([...LOCAL, ...writeCertificate(), "--drain-seconds", "10"]);
  const { port, opsPort } = (await line("ready")) as { port: number; opsPort: number };
  const readyz = async (): Promise<number> => (await fetch(`http://127.0.0.1:${opsPort}/readyz`)).status;
  const send = (): Promise<unknown> => post(reviewOf({ metadata: {}, spec: {} }), { port, ca: authority.ca });
  expect(await readyz()).toBe(200);
  expect(await send()).toMatchObject({ status: 200 });
  child.kill("SIGTERM");
  await line("draining");
  expect(await readyz()).toBe(503);
  expect(await send()).toMatchObject({ status: 200, headers: { connection: "close" } });
  expect(await end).toEqual({ code: 0, stderr: "" });
});

test("plans with the operator's settings", async () => {
  const images = "- { image: corp/logs, entrypoint: [/logs], cmd: [], shell: /bin/sh, role: sidecar }\n";
  writeFileSync(join(folder, "images.yaml"), images);
  const job = {
    metadata: { labels: { "curfew.sh/enabled": "true" } },
    spec: {
      template: {
        spec: {
          containers: [
            { name: "tool", image: "corp/tool", command: ["sh", "-c", "work"] },
            { name: "logs", image: "corp/logs" },
          ],
        },
      },
    },
  };
  const decided = {
    CURFEW_KNOWN_IMAGES: join(folder, "images.yaml"),
    CURFEW_VOLUME_MEDIUM: "disk",
    CURFEW_STRATEGY: "trap",
  };
  const { line } = start([...LOCAL, ...writeCertificate()], decided);
  const { port } = (await line("ready")) as { port: number };
  const answer = await post(reviewOf(job), { port, ca: authority.ca });
  const patch = JSON.stringify(decodePatch(answer));
  expect(patch).toContain('"value":[{"name":"tmp-pod","emptyDir":{}}]');
  expect(patch).toContain('"curfew.sh/main":"tool","curfew.sh/sidecars":"logs"');
});

test("a second signal ends it at once, with the exit code that a shell reports for it", async () => {
  const { child, line, end } = start([...LOCAL, ...writeCertificate(), "--drain-seconds", "600"]);
  await line("ready");
  child.kill("SIGINT");
  await line("draining");
  child.kill("SIGINT");
  expect(await end).toEqual({ code: 130, stderr: "" });
});

test("waits until its serving certificate has been issued, and is ready only then", async () => {
  const { line } = start(LOCAL, { CURFEW_TLS_CERT: join(folder, "tls.crt"), CURFEW_TLS_KEY: join(folder, "tls.key") });
  expect(await line("waiting for a serving certificate")).toMatchObject({ level: "warn" });
  writeCertificate();
  await line("ready");
});

describe("an invalid configuration", () => {
  test("is reported with all its problems at once, and the exit code is 2", async () => {
    writeFileSync(join(folder, "images.yaml"), "- { image: team/tool, shell: bash }\n");
    const { end } = start(["--port", "http", "--strategy", "magic"], {
      CURFEW_OPS_PORT: "-1",
      CURFEW_NATIVE_SIDECARS: "no",
      CURFEW_VOLUME_MEDIUM: "tape",
      CURFEW_KNOWN_IMAGES: join(folder, "images.yaml"),
      CURFEW_LOG_LEVEL: "loud",
      CURFEW_DRAIN_SECONDS: "soon",
    });
    const { code, stderr } = await end;
    expect(code).toBe(2);
    expect(stderr.trimEnd().split("\n")).toEqual(
      [
        '--port (CURFEW_PORT): "http" is not a port',
        '--ops-port (CURFEW_OPS_PORT): "-1" is not a port',
        '--strategy (CURFEW_STRATEGY): "magic" must be one of',
        '--native-sidecars (CURFEW_NATIVE_SIDECARS): "no" must be true or false',
        '--volume-medium (CURFEW_VOLUME_MEDIUM): "tape" must be one of',
        `${folder}/images.yaml: /0/shell must be an absolute path`,
        '--drain-seconds (CURFEW_DRAIN_SECONDS): "soon" is not a time',
        '--log-level (CURFEW_LOG_LEVEL): "loud" must be one of',
      ].map((problem) => expect.stringContaining(`curfew admission: ${problem}`) as string),
    );
  });

  test("a port that's in use is named, and the exit code is 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { end } = start(["--host", "127.0.0.1", "--ops-port", "0", "--port", `${port}`, ...writeCertificate()]);
    const { code, stderr } = await end;
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on 127.0.0.1 ${port}`);
    taken.close();
  });
});
