import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, vi } from "vitest";
import type { Container } from "../../sim/pods/container.ts";
import { script } from "../support/wrappers/arbitrary-script.ts";
import { seed } from "../support/random.ts";
import { promise, repetitions } from "../support/wrappers/shells.ts";
import { sh, stoppedAfter, WrappedPod } from "../support/wrappers/wrapped-pod.ts";

/** What people write in main containers' scripts, which run as PID 1 without knowing it. */
const SCRIPTS = [
  "kill -TERM 1; kill -KILL 1; echo spared; exit 3",
  "exec 2>/dev/null; sleep 0.2; sleep 60 & kill -TERM -1; wait $!; echo $?; exit 3",
  "timeout 0.2 sleep 5; exit $?",
  "trap 'kill $(jobs -p) 2>/dev/null' EXIT; sleep 60 & exit 3",
  "nohup sleep 60 >/dev/null 2>&1 & exit 3",
  "setsid sh -c 'echo leader; exit 4'; exit $?",
  "(sleep 0.1 &); sleep 0.2; exit 5",
  "env -i /bin/sh -c 'echo bare; exit 6'",
  "exec 1>&-; exit 7",
  "read x; exit $?",
  "tr '\\0' '\\n' </proc/1/environ | sort; readlink /proc/1/cwd",
  "grep -E '^(Sig(Blk|Ign|Cgt)|Umask|Cap|NoNewPrivs)' /proc/self/status; ls /proc/self/fd; ulimit -a",
];

promise(
  "scripts as people write them do the same under the wrapper as they do as PID 1",
  async (pod) => {
    for (const script of SCRIPTS) {
      const [bare, wrapped] = await Promise.all([pod.plain(sh(script)), pod.main(sh(script))].map(whatItDid));
      expect(wrapped, script).toEqual(bare);
    }
  },
  { needs: ["namespaces", "command timeout", "command setsid"] },
);

async function whatItDid(container: Container): Promise<object> {
  const { code } = await container.exited;
  return { code, output: container.output, stderr: container.stderr };
}

for (const role of ["main", "sidecar"] as const) {
  promise(
    `random scripts in a ${role} do the same under the wrapper as they do as PID 1`,
    async (pod) => {
      for (const text of fc.sample(script, { numRuns: repetitions(6, 120), seed })) {
        for (const shell of ["/bin/dash", "/bin/bash"]) {
          const argv = [shell, "-c", text];
          // What depends on timing comes out the same sooner or later, if not in the same try.
          const [bare, wrapped] = [new Set<string>(), new Set<string>()];
          for (let tries = 0; tries < 12 && !meet(bare, wrapped); tries++) {
            await Promise.all([
              resultOf(text, pod.plain(argv)).then((result) => bare.add(result)),
              resultOf(text, pod[role](argv)).then((result) => wrapped.add(result)),
            ]);
          }
          if (!meet(bare, wrapped)) expect([...wrapped], `SEED=${seed}, ${shell}: ${text}`).toEqual([...bare]);
        }
      }
    },
    { needs: ["namespaces", "command dash", "command bash", "command timeout", "command setsid"] },
  );
}

const meet = (some: ReadonlySet<string>, others: ReadonlySet<string>): boolean =>
  [...some].some((one) => others.has(one));

/**
 * Leaves out PIDs, and all output if there's a background process: how much of it is seen before
 * PID 1 ends is anybody's guess.
 */
async function resultOf(text: string, container: Container): Promise<string> {
  const { code } = await container.exited;
  if (/[})] &/.test(text)) return String(code);
  const output = [...container.output, ...container.stderr.replaceAll(/\d+/g, "N").replaceAll(/ +/g, " ").split("\n")];
  return `${code}\n${output.toSorted().join("\n")}`;
}

promise(
  "has its stdout and stderr at /proc/1/fd, where cron jobs and links put their logs, from start to end",
  async ({ shell }) => {
    const folder = mkdtempSync(join(tmpdir(), "curfew-logs-"));
    // A file, because stdio is a socket here, and a socket can't be opened by its path.
    const log = join(folder, "log");
    writeFileSync(log, "");
    const logged = new WrappedPod(["/bin/sh", "-c", `exec >>${log} 2>&1; exec "$@"`, "sh", ...shell]);
    try {
      const say = (text: string): string => `echo ${text} >>/proc/1/fd/1; echo ${text} >>/proc/1/fd/2`;
      const sidecar = logged.sidecar(sh(`trap '${say("end")}; exit 0' TERM; ${say("side")}; sleep 60 & wait`));
      const main = logged.main(sh(`trap '${say("term")}; exit 3' TERM; ${say("main")}; sleep 60 & wait`));
      const isAllSaid = (): boolean => readFileSync(log, "utf8").split("\n").length > 4;
      await vi.waitUntil(isAllSaid, { timeout: 60_000, message: "some lines are missing" });
      main.kill("SIGTERM");
      expect((await main.exited).code).toBe(3);
      expect((await sidecar.exited).code).toBe(0);
      const lines = readFileSync(log, "utf8").trim().split("\n");
      const stopped = stoppedAfter("main").trim();
      expect(lines.toSorted()).toEqual([stopped, "end", "end", "main", "main", "side", "side", "term", "term"]);
    } finally {
      logged.remove();
      rmSync(folder, { recursive: true });
    }
  },
  { needs: ["namespaces"] },
);

promise(
  "a sidecar that signals its whole process group still stops when main has ended",
  async (pod) => {
    const main = pod.main(sh("trap 'exit 1' TERM; echo up; sleep 60 & wait"));
    await main.saw("up");
    const sidecar = pod.sidecar(sh("trap : TERM; kill 0; trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"));
    await sidecar.saw("up");
    main.kill("SIGTERM");
    expect((await sidecar.exited).code).toBe(0);
    expect((await main.exited).code).toBe(1);
  },
  { needs: ["namespaces"] },
);

promise(
  "an app that signals its own process group dies of it, and survives as PID 1: so signals-itself keeps auto from trap",
  async (pod) => {
    const script = sh('trap "kill 0" EXIT; exit 3');
    expect((await pod.plain(script).exited).code).toBe(3);
    expect((await pod.main(script).exited).code).toBe(143);
  },
  { needs: ["namespaces"] },
);
