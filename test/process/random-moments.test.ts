import { expect } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { children, type Container } from "../../sim/pods/container.ts";
import { randomOf } from "../support/random.ts";
import { promise, repetitions } from "../support/wrappers/shells.ts";
import { fixture, sh, type WrappedPod } from "../support/wrappers/wrapped-pod.ts";

type Kill = (main: Container, sidecar: Container) => void;
const killers: Readonly<Record<string, Kill>> = {
  "PID 1": (main) => main.kill("SIGKILL"),
  "one of the wrapper's own processes": (main) => {
    const [first] = children(main.pid ?? 0);
    if (first !== undefined) process.kill(first, "SIGKILL");
  },
  "the app": (main) => {
    const [app] = children(main.pid ?? 0).flatMap(children);
    if (app !== undefined) process.kill(app, "SIGKILL");
  },
  "the Pod": (main, sidecar) => {
    for (const container of [sidecar, main]) container.kill("SIGTERM");
  },
};

const killAt = async (pod: WrappedPod, count: number, ms: number, kill: Kill): Promise<void> => {
  const name = `main-${count}`;
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { mains: name, start: 2, hold: 3, grace: 2 });
  const main = pod.main(sh('trap "exit 9" TERM; sleep .05; sleep 1 & wait'), { name });
  await sleep(ms);
  try {
    kill(main, sidecar);
  } catch {
    // It had already ended.
  }
  const late = sleep(60_000, "hangs", { ref: false });
  const outcome = await Promise.race([Promise.all([main.exited, sidecar.exited]), late]);
  const state = `main ${main.running ? "runs" : "is over"}, sidecar ${sidecar.output.join(", ")}; ${pod.files.join(" ")}`;
  expect(outcome, `killed after ${ms} ms; ${state}; ${sidecar.stderr}`).not.toBe("hangs");
  sidecar.remove();
};

for (const [who, kill] of Object.entries(killers)) {
  promise(
    `no sidecar is left hanging when ${who} is killed at a random moment`,
    async (pod, context) => {
      const random = randomOf(context);
      const times = repetitions(4, 50);
      const moments = Array.from({ length: times }, (_, count) => ({ count, ms: random() * 250 }));
      const workers = Array.from({ length: 3 }, async () => {
        for (let next = moments.pop(); next !== undefined; next = moments.pop()) {
          await killAt(pod, next.count, next.ms, kill);
        }
      });
      await Promise.all(workers);
    },
    { needs: ["namespaces"], seconds: 240 },
  );
}
