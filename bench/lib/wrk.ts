/** Load from wrk. It's a C program, so one core of it can keep a server on another core busy. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CORES } from "./cores.ts";
import type { ServerProcess } from "./server-process.ts";

export interface Load {
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Undefined if wrk is installed, otherwise what to do. */
export function wrkMissing(): string | undefined {
  return spawnSync("wrk", ["--version"]).error === undefined
    ? undefined
    : "wrk is missing: apt-get install wrk, or https://github.com/wg/wrk";
}

/**
 * POSTs a body to /mutate over keep-alive TLS connections, as fast as the answers come.
 * @throws if an answer wasn't 2xx, or a connection failed, because figures with errors say nothing.
 * What wrk calls a timeout is an answer that took longer than two seconds, which can happen on a
 * busy machine.
 */
export async function postWithWrk(port: number, body: string, connections: number, seconds: number): Promise<Load> {
  for (let attempt = 1; ; attempt++) {
    const load = await runWrk(port, body, connections, seconds);
    if (load.requests > 0) return load;
    // The machine is so busy that no answer came in time.
    if (attempt === 5) throw new Error(`no answer within ${seconds} s, five times`);
  }
}

async function runWrk(port: number, body: string, connections: number, seconds: number): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), "curfew-wrk-"));
  try {
    writeFileSync(join(folder, "body.json"), body);
    writeFileSync(join(folder, "post.lua"), SCRIPT);
    const wrk = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "-s", join(folder, "post.lua")];
    const [command, ...args] = [...CORES.load, ...wrk, `https://127.0.0.1:${port}/mutate?timeout=5s`];
    const child = spawn(command, args, { env: { ...process.env, BODY: join(folder, "body.json") } });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    await once(child, "close");
    const line = stdout.split("\n").find((candidate) => candidate.startsWith("{"));
    if (line === undefined) throw new Error(`wrk gave no result: ${stdout}`);
    const { errors, requests, micros, p50, p99 } = JSON.parse(line) as Summary;
    if (errors > 0) throw new Error(`wrk had errors: ${stdout}`);
    return {
      requests,
      requestsPerSecond: (requests / micros) * 1e6,
      p50Ms: p50 / 1000,
      p99Ms: p99 / 1000,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface Rounds {
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** A load, and what it cost the server. */
export interface ServerLoad extends Load {
  readonly cpuMillisecondsPerRequest: number;
}

/**
 * Loads each server in turn (A B A B), after warming each up. Returns the rounds' loads by server.
 */
export async function loadInTurn(
  servers: Readonly<Record<string, ServerProcess>>,
  body: string,
  { connections, rounds, seconds, warmUpSeconds }: Rounds,
): Promise<Record<string, ServerLoad[]>> {
  if (warmUpSeconds > 0) {
    for (const { port } of Object.values(servers)) await postWithWrk(port, body, connections, warmUpSeconds);
  }
  const loads = Object.fromEntries(Object.keys(servers).map((name): [string, ServerLoad[]] => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, { port, cpuMs }] of Object.entries(servers)) {
      const before = await cpuMs();
      const load = await postWithWrk(port, body, connections, seconds);
      const cpuMillisecondsPerRequest = ((await cpuMs()) - before) / load.requests;
      loads[name]?.push({ ...load, cpuMillisecondsPerRequest });
    }
  }
  return loads;
}

/** What the script prints, in counts and microseconds. */
interface Summary {
  readonly errors: number;
  readonly requests: number;
  readonly micros: number;
  readonly p50: number;
  readonly p99: number;
}

const SCRIPT = `
local file = io.open(os.getenv("BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"micros":%d,"errors":%d,"p50":%d,"p99":%d}\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status, latency:percentile(50), latency:percentile(99)))
end
`;
