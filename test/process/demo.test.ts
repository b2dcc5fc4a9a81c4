import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
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
  "curfew demo shows what it claims, in plain text without a terminal and as a picture, and leaves nothing else behind",
  async () => {
    const pictures = temporaryFolder();
    const svg = join(pictures, "demo.svg");
    const { demo, folder } = startDemo("--svg", svg);
    const [output, errors] = await Promise.all([textOf(demo.stdout), textOf(demo.stderr), ended(demo)]);
    expect(errors).toBe("");
    expect(demo.exitCode).toBe(0);
    expect(output.match(/▶ hangs, cut off/g)).toHaveLength(3);
    expect(output.match(/TERM [\d.]+ m?s after agent; shut down, exit 0/g)).toHaveLength(3);
    expect(output).toMatch(/webhook → Job after [\d.]+ m?s → agent → job finished at Buildkite, exit status 0/);
    expect(output).not.toContain("\x1b");
    expect(readdirSync(folder)).toEqual([]);
    const captions = [...output.matchAll(/[█▒] (.+)$/gm)].map(([, caption]) => caption);
    expect(captions).toHaveLength(14);
    const texts = textsOf(readFileSync(svg, "utf8"));
    expect(texts.filter((text) => captions.includes(text))).toEqual(captions);
    const [story] = /webhook → Job .*/.exec(output) ?? [];
    expect(texts).toEqual(
      expect.arrayContaining(["Main exits by itself after two seconds", "the hack", "Curfew", story]),
    );
  },
);

test.concurrent("curfew demo says at once if it can't write the picture", async ({ expect }) => {
  const { demo } = startDemo("--svg", join(temporaryFolder(), "missing/demo.svg"));
  const [output, errors] = await Promise.all([textOf(demo.stdout), textOf(demo.stderr), ended(demo)]);
  expect(demo.exitCode).toBe(2);
  expect(output).toBe("");
  expect(errors).toMatch(/^curfew demo: can't write .*missing\/demo\.svg: .*no such file or directory/);
});

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

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "curfew-demo-test-"));
  folders.push(folder);
  return folder;
}

/** The texts of an SVG in order. Throws if it isn't well-formed XML. */
function textsOf(svg: string): readonly string[] {
  const texts: string[] = [];
  const open: string[] = [];
  for (const [, end, name = "", attributes = "", empty, content = ""] of svg.matchAll(
    /<(\/?)(\w+)((?: [\w:-]+="[^"<&]*")*)(\/?)>([^<]*)/g,
  )) {
    if (end === "/") expect(open.pop()).toBe(name);
    else if (empty !== "/") open.push(name);
    expect(end === "/" ? attributes : "").toBe("");
    expect(content).not.toMatch(/&(?!amp;|lt;)/);
    if (end !== "/" && name === "text") texts.push(content.replaceAll("&lt;", "<").replaceAll("&amp;", "&"));
  }
  expect(open).toEqual([]);
  // Nothing is left but what was matched.
  expect(svg.replaceAll(/<\/?\w+(?: [\w:-]+="[^"<&]*")*\/?>/g, "")).not.toMatch(/[<]/);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  return texts;
}

/** Starts the demo with its own folder for temporary files. */
function startDemo(...args: readonly string[]): { readonly demo: ChildProcess; readonly folder: string } {
  const folder = temporaryFolder();
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.includes("COLOR")));
  const demo = spawn(process.execPath, [CURFEW, "demo", ...args], {
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
