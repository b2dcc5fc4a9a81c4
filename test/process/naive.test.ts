/**
 * How the simple forms fail, so that nobody has to find out again. docs/wrappers.md refers to this.
 */
import { writeFileSync } from "node:fs";
import { expect } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh, type WrappedPod } from "../support/wrappers/wrapped-pod.ts";

/** The wrapper that everybody writes first. */
const forwardAndWait = 'trap \'kill -TERM "$app"\' TERM; "$@" & app=$!; wait "$app"';
/** The one they write next. */
const waitAgain = `${forwardAndWait}; while kill -0 "$app" 2>/dev/null; do wait "$app"; done`;
const naive = (pod: WrappedPod, script: string, argv: readonly string[], options = {}) =>
  pod.plain([...pod.shell, "-c", script, "naive", ...argv], options);
/**
 * Waits until the wrapper knows its app's PID, which can be some time after the app's first line.
 * An earlier signal is lost.
 */
const settled = (): Promise<void> => sleep(2000);
const app = sh("trap 'sleep .2; exit 7' TERM; echo up; while :; do sleep .05; done");

promise('"$@" & wait: ends with 143 instead of 7, because a signal ends the wait', async (pod) => {
  const main = naive(pod, forwardAndWait, app);
  await main.saw("up");
  await settled();
  main.kill("SIGTERM");
  expect((await main.exited).code).toBe(143);
});

promise('"$@" & wait: ignores INT and QUIT forever, in everything that the app starts', async (pod) => {
  const main = naive(pod, waitAgain, ["grep", "-h", "SigIgn", "/proc/self/status"]);
  await main.exited;
  expect(main.output).toEqual(["SigIgn:\t0000000000000006"]);
});

promise('"$@" & wait: takes the app\'s stdin away', async (pod) => {
  const main = naive(pod, waitAgain, ["cat"], { stdin: { text: "hello\n" } });
  await main.exited;
  expect(main.output).toEqual([]);
});

promise(
  '"$@" & wait: kills a script that would have survived TERM as PID 1',
  async (pod) => {
    const script = sh(`echo up; until test -f ${pod.dir}/go; do sleep .05; done; echo migrated`);
    const unwrapped = pod.plain(script);
    const main = naive(pod, waitAgain, script);
    await Promise.all([unwrapped.saw("up"), main.saw("up")]);
    await settled();
    for (const container of [unwrapped, main]) container.kill("SIGTERM");
    await main.exited;
    writeFileSync(`${pod.dir}/go`, "");
    await unwrapped.exited;
    expect(unwrapped.output).toEqual(["up", "migrated"]);
    expect(main.output).toEqual(["up"]);
  },
  { needs: ["namespaces"] },
);

promise("kill the shell: a daemon under a script dies by SIGKILL, and the container reports 0", async (pod) => {
  const sidecar = naive(pod, `${waitAgain}; exit 0`, sh(`${fixture("daemon", "d", "0").join(" ")} & wait`));
  await sidecar.saw("d up");
  await settled();
  sidecar.kill("SIGTERM");
  expect((await sidecar.exited).code).toBe(0);
  expect(sidecar.output).toEqual(["d up"]);
});

promise("read <fifo: hangs if main has already ended", async (pod) => {
  await pod.plain(["mkfifo", `${pod.dir}/fifo`]).exited;
  const sidecar = naive(pod, 'read -r line <"$1"', [`${pod.dir}/fifo`]);
  await sleep(1_000);
  expect(sidecar.running).toBe(true);
});
