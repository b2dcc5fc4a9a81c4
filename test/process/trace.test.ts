/**
 * With `CURFEW_TRACE=1` in a container's environment, its wrapper says what it does
 * (docs/wrappers.md).
 */
import { expect } from "vitest";
import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, said, sh, stoppedAfter, WrappedPod } from "../support/wrappers/wrapped-pod.ts";

const PATH = "/usr/bin:/bin";
const traced = { env: { PATH, CURFEW_TRACE: "1" } };
const stopped = stoppedAfter("main").trimEnd();

/** The lines on stderr, each without what differs from run to run. */
const linesOf = (stderr: string): string[] =>
  stderr
    .replace(/(PID|TERM to) \d+/g, "$1 N")
    .split("\n")
    .slice(0, -1);

promise(
  "with CURFEW_TRACE=1, main's wrapper says on stderr what it does, and shows nothing of argv or environment",
  async (pod) => {
    const argv = sh("trap 'echo TERM; exit 7' TERM; echo up; while :; do sleep .05; done", "argv-secret");
    const main = pod.main(argv, { env: { ...traced.env, TOKEN: "env-secret" } });
    await main.saw("up");
    main.kill("SIGHUP");
    await said(main, "signal 1");
    main.kill("SIGTERM");
    expect((await main.exited).code).toBe(7);
    expect(linesOf(main.stderr)).toEqual([
      "curfew: app started: PID N",
      "curfew: dropped signal 1, which the app does not handle",
      "curfew: passed signal 15 on",
      "curfew: ends with 7",
      "curfew: wrote ended.main.1",
    ]);
  },
  { needs: ["namespaces"] },
);

promise("with CURFEW_TRACE=1, a sidecar's wrapper says on stderr what it does", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), traced);
  await sidecar.saw("d up");
  await pod.main(["true"]).exited;
  expect((await sidecar.exited).code).toBe(0);
  expect(linesOf(sidecar.stderr)).toEqual([
    "curfew: app started: PID N",
    "curfew: waits for main, run 1",
    "curfew: main has started",
    "curfew: main has ended",
    "curfew: TERM to N",
    stopped,
    "curfew: app ended: exit 0",
    "curfew: ends with 0",
  ]);
});

promise("the trace says when a sidecar holds back kubelet's TERM, and when its grace period is over", async (pod) => {
  const main = pod.main(sh("read -r line"), { stdin: "open" });
  await pod.running();
  // With a grace period of a second, a second TERM can come before KILL.
  const sidecar = pod.sidecar(sh("trap '' TERM; echo up; while :; do sleep .2; done"), { ...traced, grace: 0 });
  await sidecar.saw("up");
  await said(sidecar, "main has started");
  sidecar.kill("SIGTERM");
  await said(sidecar, "TERM held back");
  main.stdin.end();
  expect((await sidecar.exited).code).toBe(0);
  // It ignores TERM, so it gets TERM only once it's no longer young (sidecar.sh). That can be after
  // the line `stopped`.
  expect(linesOf(sidecar.stderr).filter((line) => line !== stopped)).toEqual([
    "curfew: app started: PID N",
    "curfew: waits for main, run 1",
    "curfew: main has started",
    "curfew: TERM held back",
    "curfew: main has ended",
    "curfew: TERM to N",
    "curfew: grace period over: KILL",
    "curfew: ends with 0",
  ]);
});

promise("the trace shows when a sidecar saw a restarted main start and end, for each run", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { ...traced, policy: "OnFailure" });
  await sidecar.saw("d up");
  await pod.main(["false"]).exited;
  await said(sidecar, "run 2");
  await pod.main(["true"]).exited;
  expect((await sidecar.exited).code).toBe(0);
  expect(linesOf(sidecar.stderr).slice(1, 7)).toEqual([
    "curfew: waits for main, run 1",
    "curfew: main has started",
    "curfew: main has ended",
    "curfew: waits for main, run 2",
    "curfew: main has started",
    "curfew: main has ended",
  ]);
});

promise(
  "says nothing unless CURFEW_TRACE is exactly 1, and leaves the variable in the app's environment",
  async (pod) => {
    for (const value of ["", "0", "true", "11", "1 "]) {
      const argv = sh('printf "<%s>" "$CURFEW_TRACE"');
      const options = { env: { PATH, CURFEW_TRACE: value } };
      for (const container of [pod.main(argv, options), pod.sidecar(argv, { ...options, mains: "other" })]) {
        expect((await container.exited).code).toBe(0);
        expect(container.output).toEqual([`<${value}>`]);
        expect(container.stderr).toBe("");
      }
    }
    for (const container of [
      pod.main(["printenv", "CURFEW_TRACE"], traced),
      pod.sidecar(["printenv", "CURFEW_TRACE"], { ...traced, mains: "other" }),
    ]) {
      expect((await container.exited).code).toBe(0);
      expect(container.output).toEqual(["1"]);
    }
  },
);

/** A Pod whose containers have another stderr. The redirection can name a FIFO, as `$0`. */
const withStderr = async (
  { shell }: WrappedPod,
  redirection: string,
  body: (pod: WrappedPod, fifo: string) => Promise<void>,
): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "curfew-stderr-"));
  const fifo = join(folder, "fifo");
  const pod = new WrappedPod(["/bin/sh", "-c", `exec "$@" ${redirection}`, fifo, ...shell]);
  try {
    chmodSync(folder, 0o755);
    expect(spawnSync("mkfifo", ["-m", "666", fifo]).status).toBe(0);
    await body(pod, fifo);
  } finally {
    pod.remove();
    rmSync(folder, { recursive: true });
  }
};

for (const [what, redirection] of [
  ["closed", "2>&-"],
  ["a pipe that nobody reads any more", '3<>"$0" 2>"$0" 3<&-'],
  ["on a full disk", "2>/dev/full"],
] as const) {
  for (const env of [{ PATH }, traced.env]) {
    promise(`works the same if stderr is ${what}, ${"CURFEW_TRACE" in env ? "traced" : "untraced"}`, async (pod) => {
      await withStderr(pod, redirection, async (inner) => {
        const main = inner.main(fixture("exit7"), { env });
        await main.saw("up");
        const sidecar = inner.sidecar(fixture("daemon", "d", "0"), { env });
        const plain = inner.main(fixture("exit7"), { env, plain: true, name: "plain" });
        await Promise.all([sidecar.saw("d up"), plain.saw("up")]);
        for (const container of [main, plain]) container.kill("SIGTERM");
        expect((await main.exited).code).toBe(7);
        expect((await plain.exited).code).toBe(7);
        expect((await sidecar.exited).code).toBe(0);
        expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
        expect(inner.files).toContain("ended.main.1");
      });
    });
  }
}

promise("if stderr is a full pipe, waits until somebody reads it, and then carries on", async (pod) => {
  await withStderr(pod, '2>"$0"', async (inner, fifo) => {
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      fill(fd);
      const main = inner.main(fixture("exit7"), traced);
      await main.saw("up");
      main.kill("SIGTERM");
      let text = "";
      while (main.running) {
        text += drain(fd);
        await sleep(2);
      }
      text += drain(fd);
      expect((await main.exited).code).toBe(7);
      expect(linesOf(text.replaceAll(".", ""))).toEqual([
        "curfew: app started: PID N",
        "curfew: passed signal 15 on",
        "curfew: ends with 7",
        "curfew: wrote endedmain1",
      ]);
    } finally {
      closeSync(fd);
    }
  });
});

/** Writes dots until the pipe is full. */
const fill = (fd: number): void => {
  for (const dots of [Buffer.alloc(4096, "."), Buffer.from(".")]) {
    try {
      while (writeSync(fd, dots) > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
};

/** What's in the pipe now. */
const drain = (fd: number): string => {
  const buffer = Buffer.alloc(65_536);
  try {
    return buffer.toString("utf8", 0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    return "";
  }
};
