import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, expect, test } from "vitest";
import { startCluster } from "../../demo/cluster.ts";
import { startRun, type Ending } from "../../demo/run.ts";
import { descendants } from "../../sim/pods/container.ts";

const CURFEW = join(import.meta.dirname, "../../bin/curfew.js");

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test.concurrent.each<[Ending, number]>([
  ["exit", 0],
  ["kill", 137],
])(
  "the Job of 2020 without its hack goes through the webhook and ends with all its processes, if main ends by: %s",
  async (ending, code) => {
    const cluster = await startCluster();
    try {
      const run = await startRun(cluster, "curfew", ending);
      await run.finished;
      expect(run.cutOffAt()).toBeUndefined();
      expect(run.lanes()).toMatchObject([
        { container: "agent", end: { code } },
        { container: "dind", end: { code: 0 }, stopped: true },
      ]);
    } finally {
      await cluster.close();
    }
  },
);

test.concurrent(
  "curfew demo shows what it claims, prints plain text without a terminal, and leaves nothing behind",
  async () => {
    const { demo, folder } = startDemo();
    const [output, errors] = await Promise.all([textOf(demo.stdout), textOf(demo.stderr), ended(demo)]);
    expect(errors).toBe("");
    expect(demo.exitCode).toBe(0);
    expect(output.match(/▶ hangs, cut off/g)).toHaveLength(3);
    expect(output.match(/TERM [\d.]+ m?s after agent; shut down, exit 0/g)).toHaveLength(3);
    expect(output).toMatch(/webhook → Job after [\d.]+ m?s → agent → job finished at Buildkite, exit status 0/);
    expect(output).not.toContain("\x1b");
    expect(readdirSync(folder)).toEqual([]);
  },
);

test.concurrent("curfew demo ends on Ctrl-C, and leaves no processes or files behind", async ({ expect }) => {
  const { demo, folder } = startDemo();
  const output = textOf(demo.stdout);
  await expect.poll(() => descendants(demo.pid ?? 0).length, { timeout: 60_000 }).toBeGreaterThanOrEqual(14);
  const processes = descendants(demo.pid ?? 0);
  expect(readdirSync(folder)).not.toEqual([]);
  demo.kill("SIGINT");
  await ended(demo);
  expect(demo.exitCode).toBe(130);
  expect(await output).not.toContain("How long");
  expect(readdirSync(folder)).toEqual([]);
  await expect.poll(() => processes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});

test("curfew demo ends if nobody reads its output any more, and leaves no files behind", async () => {
  const { demo, folder } = startDemo();
  demo.stdout?.destroy();
  const errors = textOf(demo.stderr);
  await ended(demo);
  expect(demo.exitCode).toBe(141);
  expect(await errors).toBe("");
  expect(readdirSync(folder)).toEqual([]);
});

/** Starts the demo with its own folder for temporary files. */
function startDemo(): { readonly demo: ChildProcess; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "curfew-demo-test-"));
  folders.push(folder);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.includes("COLOR")));
  const demo = spawn(process.execPath, [CURFEW, "demo"], {
    env: { ...env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { demo, folder };
}

function ended(demo: ChildProcess): Promise<void> {
  return new Promise((resolve) =>
    demo.once("exit", () => {
      resolve();
    }),
  );
}

function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  return stream ? text(stream) : Promise.resolve("");
}
