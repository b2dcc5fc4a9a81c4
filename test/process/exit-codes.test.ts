import { expect } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { children } from "../../sim/pods/container.ts";
import { randomOf } from "../support/random.ts";
import { LEAVES_ORPHANS } from "../support/wrappers/orphans.ts";
import { promise, repetitions } from "../support/wrappers/shells.ts";
import { fixture, sh, type WrappedPod } from "../support/wrappers/wrapped-pod.ts";

const someCodes = [0, 1, 2, 126, 127, 128, 143, 255];
const allCodes = Array.from({ length: 256 }, (_, code) => code);

promise("exits with main's code, 0 to 255", async (pod, _, dealt) => {
  for (const code of new Set([...someCodes, ...dealt(allCodes)]))
    expect((await pod.main(sh(`exit ${code}`)).exited).code).toBe(code);
});

promise("exits with 128 + n if signal n has killed main, and prints nothing of its own", async (pod) => {
  for (const signal of [1, 2, 3, 6, 9, 11, 13, 15]) {
    const main = pod.main(sh(`kill -${signal} $$`));
    expect((await main.exited).code).toBe(128 + signal);
    expect(main.stderr + main.output.join()).toBe("");
  }
});

promise("exits with 127 if main's command doesn't exist, and with 126 if it isn't a program", async (pod) => {
  expect((await pod.main(["/no/such"]).exited).code).toBe(127);
  expect((await pod.main(["/etc/passwd"]).exited).code).toBe(126);
});

promise("runs a program, never a shell builtin with the same name", async (pod) => {
  expect((await pod.main(["read", "x"]).exited).code).toBe(127);
});

promise(
  "exits with 137 if its own helpers are killed, and leaves no sidecar hanging",
  async (pod) => {
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"));
    const main = pod.main(sh("echo up; exec sleep 60"));
    await main.saw("up");
    const below = (pids: readonly number[]): number[] => pids.flatMap(children);
    const helpers = below([main.pid ?? 0]);
    // Until the helper is an orphan.
    while (below(below(helpers)).length > 0) helpers.splice(0, Infinity, ...below([main.pid ?? 0]));
    for (const helper of helpers) {
      try {
        process.kill(helper, "SIGKILL");
      } catch {
        // It ended together with the previous one.
      }
    }
    expect((await main.exited).code).toBe(137);
    expect((await sidecar.exited).code).toBe(0);
  },
  { needs: ["namespaces"] },
);

/** Main catches the signals and exits with 7, so the code must be 7, however they come. */
const hammer = async (
  pod: WrappedPod,
  times: number,
  signals: readonly NodeJS.Signals[],
  pauseMs?: () => number,
): Promise<void> => {
  for (let count = 0; count < times; count++) {
    const main = pod.main(fixture("exit7"));
    await main.saw("up");
    for (const signal of signals) {
      if (!main.kill(signal)) break;
      if (pauseMs !== undefined) await sleep(pauseMs());
    }
    expect((await main.exited).code, `run ${count}`).toBe(7);
    main.remove();
  }
};

promise("exits with main's code even if TERM comes at main's first byte of output", (pod) =>
  hammer(pod, repetitions(10, 300), ["SIGTERM"]),
);

promise("exits with main's code even if two TERMs come at once", (pod) =>
  hammer(pod, repetitions(10, 200), ["SIGTERM", "SIGTERM"]),
);

promise("exits with main's code even in a burst of four signals", (pod, context) => {
  const random = randomOf(context);
  return hammer(pod, repetitions(10, 100), ["SIGUSR1", "SIGHUP", "SIGUSR2", "SIGTERM"], () => random() * 0.3);
});

promise(
  "reaps the zombies that main leaves",
  async (pod) => {
    const main = pod.main(LEAVES_ORPHANS);
    expect((await main.exited).code).toBe(5);
    expect(main.output).toEqual(["0"]);
  },
  { needs: ["namespaces"] },
);
