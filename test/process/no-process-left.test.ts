/**
 * The Pod can't start another process (pids limit), because its app forks as many as it can.
 * Signals and the end must not need one.
 */
import { expect } from "vitest";
import { promise, type PromiseOptions } from "../support/wrappers/shells.ts";
import type { Container } from "../../sim/pods/container.ts";
import { said, type WrappedPod } from "../support/wrappers/wrapped-pod.ts";

const needs: PromiseOptions["needs"] = ["root", "command perl", "command prlimit", "command setpriv"];

/**
 * Forks until it can't, once it's told to, says so, and keeps trying. On TERM, it says so and ends
 * with 7.
 */
const forker = [
  "perl",
  "-e",
  `$| = 1; $SIG{CHLD} = 'IGNORE'; $SIG{TERM} = sub { print "TERM\\n"; exit 7 };
   sub child { my $pid = fork; if (defined $pid && $pid == 0) { $SIG{TERM} = 'DEFAULT'; sleep 60; exit } return defined $pid }
   <STDIN>; while (child()) {} print "full\\n"; while (1) { child(); select(undef, undef, undef, 0.001) }`,
];

const TRACED = { PATH: "/usr/bin:/bin", CURFEW_TRACE: "1" };

/** A limit counts all processes of a user, so each container runs as its own user. */
let uid = 200_000 + (process.pid % 1_000) * 100;
const limited = () => ({ uid: uid++, processes: 40, stdin: "open", env: TRACED }) as const;

/**
 * Lets the app fork, but not before the wrapper has the processes that it needs: an app that's
 * quicker can keep it from starting them (docs/wrappers.md). A sidecar's last one says that it waits
 * for main, main's says that the app has started.
 */
async function fill(container: Container, line: "app started" | "waits for main"): Promise<void> {
  await said(container, line);
  container.stdin.write("go\n");
  await container.saw("full");
}

promise(
  "main gets a signal that it handles, even if no process can be started",
  async (pod: WrappedPod) => {
    const main = pod.main(forker, limited());
    await fill(main, "app started");
    main.kill("SIGTERM");
    expect((await main.exited).code).toBe(7);
    expect(main.output).toEqual(["full", "TERM"]);
  },
  { needs },
);

promise(
  "a sidecar gets TERM when main has ended, even if no process can be started",
  async (pod: WrappedPod) => {
    const sidecar = pod.sidecar(forker, limited());
    await fill(sidecar, "waits for main");
    await pod.main(["true"]).exited;
    expect((await sidecar.exited).code).toBe(0);
    expect(sidecar.output).toEqual(["full", "TERM"]);
  },
  { needs },
);

promise(
  "a sidecar that ignores TERM is killed after its grace period, even if no process can be started",
  async (pod: WrappedPod) => {
    const deaf = forker.map((text) => text.replace('sub { print "TERM\\n"; exit 7 }', "'IGNORE'"));
    const sidecar = pod.sidecar(deaf, { ...limited(), grace: 1 });
    await fill(sidecar, "waits for main");
    await pod.main(["true"]).exited;
    expect((await sidecar.exited).code).toBe(0);
  },
  { needs },
);

promise(
  "when the Pod is deleted, a sidecar outlives main, even if no process can be started",
  async (pod: WrappedPod, context) => {
    if (pod.shell[0]?.endsWith("bash")) context.skip("if bash can't fork, it waits for a child of its own to end");
    const main = pod.main(["sleep", "10"]);
    await pod.running();
    const sidecar = pod.sidecar(forker, limited());
    await fill(sidecar, "waits for main");
    sidecar.kill("SIGTERM");
    await main.exited;
    expect((await sidecar.exited).code).toBe(0);
    expect(sidecar.output).toEqual(["full", "TERM"]);
  },
  { needs },
);

promise(
  "with CURFEW_TRACE=1, a wrapper says what it does even if no process can be started",
  async (pod: WrappedPod) => {
    const main = pod.main(forker, limited());
    const sidecar = pod.sidecar(forker, limited());
    await Promise.all([fill(main, "app started"), fill(sidecar, "waits for main")]);
    main.kill("SIGTERM");
    expect((await main.exited).code).toBe(7);
    expect((await sidecar.exited).code).toBe(0);
    for (const container of [main, sidecar]) expect(container.output).toEqual(["full", "TERM"]);
    for (const line of ["passed signal 15 on", "ends with 7"]) expect(main.stderr).toContain(`curfew: ${line}\n`);
    for (const line of ["main has ended", "app ended: exit 7", "ends with 0"])
      expect(sidecar.stderr).toContain(`curfew: ${line}\n`);
  },
  { needs },
);
