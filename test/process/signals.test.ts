import { expect } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { need, promise, repetitions } from "../support/wrappers/shells.ts";
import { fixture, sh } from "../support/wrappers/wrapped-pod.ts";

const CATCHABLE = [
  1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
];

promise("passes on every signal that main handles, exactly once", async (pod) => {
  const main = pod.main(fixture("signals"));
  await main.saw("ready");
  for (const signal of CATCHABLE) {
    main.kill(signal);
    await main.saw(`${signal}`);
  }
  expect(main.output).toEqual(["ready", ...CATCHABLE.map(String)]);
});

promise(
  "drops signals that PID 1 wouldn't have got: a script that handles none survives TERM, HUP and USR1",
  async (pod, context) => {
    need(context, "bash");
    for (const shell of ["sh", "bash"]) {
      const main = pod.main([shell, "-c", "echo up; sleep 1; echo migrated; exit 3"]);
      await main.saw("up");
      for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1"] as const) main.kill(signal);
      expect((await main.exited).code).toBe(3);
      expect(main.output).toEqual(["up", "migrated"]);
    }
  },
  { needs: ["namespaces"] },
);

promise(
  "drops TERM for a program that doesn't handle it, even if that never sleeps",
  async (pod) => {
    const main = pod.main(sh("echo up; i=0; while [ $i -lt 2000000 ]; do i=$((i+1)); done; exit 4"));
    await main.saw("up");
    main.kill("SIGTERM");
    expect((await main.exited).code).toBe(4);
  },
  { needs: ["namespaces"], onlyLong: true },
);

promise(
  "drops TERM even in the middle of a fork, when a shell blocks every signal for a moment",
  async (pod) => {
    for (let count = 0; count < repetitions(2, 60); count++) {
      const script = "echo up; i=0; while [ $i -lt 150 ]; do /bin/true; i=$((i+1)); done; exit 4";
      const main = pod.main([count % 2 === 0 ? "sh" : "bash", "-c", script]);
      await main.saw("up");
      for (let terms = 0; terms < 8; terms++) {
        main.kill("SIGTERM");
        await sleep(12);
      }
      expect((await main.exited).code).toBe(4);
    }
  },
  { needs: ["namespaces", "command bash"] },
);

for (const init of ["tini", "dumb-init"]) {
  promise(
    `passes TERM on to ${init}, which blocks signals and waits for them`,
    async (pod) => {
      for (let count = 0; count < repetitions(3, 50); count++) {
        const main = pod.main([init, "--", ...fixture("exit7")]);
        await main.saw("up");
        main.kill("SIGTERM");
        expect((await main.exited).code).toBe(7);
      }
    },
    { needs: [`command ${init}`] },
  );
}

promise("if it isn't PID 1, passes every signal on, as the kernel would", async (pod) => {
  const main = pod.main(sh("echo up; exec sleep 60"), { plain: true });
  await main.saw("up");
  main.kill("SIGTERM");
  expect((await main.exited).code).toBe(143);
});

promise("starts main and sidecars with INT and QUIT at their default disposition", async (pod) => {
  const argv = ["grep", "-h", "SigIgn", "/proc/self/status"];
  for (const container of [pod.main(argv), pod.sidecar(argv, { mains: "other" })]) {
    expect((await container.exited).code).toBe(0);
    expect(container.output).toEqual([`SigIgn:\t${"0".repeat(16)}`]);
  }
  const main = pod.main(sh('trap "exit 4" INT; echo up; while :; do sleep .05; done'));
  await main.saw("up");
  main.kill("SIGINT");
  expect((await main.exited).code).toBe(4);
});
