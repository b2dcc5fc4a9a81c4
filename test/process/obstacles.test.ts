import { expect } from "vitest";
import { fileURLToPath } from "node:url";
import type { Mount } from "../../sim/pods/container.ts";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh, stoppedAfter } from "../support/wrappers/wrapped-pod.ts";

const oneLine = (pattern: RegExp): unknown => expect.stringMatching(new RegExp(`^${pattern.source}.*\n$`));

promise(
  "works the same without root and with a read-only root filesystem",
  async (pod) => {
    const options = { uid: 65_534, readOnlyRoot: true };
    const sidecar = pod.sidecar(sh("trap 'echo TERM; exit 0' TERM; echo up; while :; do sleep .05; done"), options);
    await sidecar.saw("up");
    const main = pod.main(sh("id -u; touch /tmp/x 2>/dev/null || echo read-only; sleep 1.2; exit 5"), options);
    expect([(await main.exited).code, (await sidecar.exited).code]).toEqual([5, 0]);
    expect(main.output).toEqual(["65534", "read-only"]);
    expect(sidecar.output).toEqual(["up", "TERM"]);
    expect([main.stderr, sidecar.stderr]).toEqual(["", stoppedAfter("main")]);
  },
  { needs: ["root", "command setpriv"] },
);

promise(
  "main runs even if it can't write to the shared folder, and one line says so",
  async (pod) => {
    const main = pod.main(sh("echo ran; exit 5"), { readOnlyDir: true });
    expect((await main.exited).code).toBe(5);
    expect(main.output).toEqual(["ran"]);
    expect(main.stderr).toEqual(oneLine(/curfew: no FIFO in /));
  },
  { needs: ["namespaces"] },
);

/** Mounts a file that can't be executed over a program, as if the image didn't have it. */
const without = (program: string): { readonly mounts: readonly Mount[] } => ({
  mounts: [{ source: fileURLToPath(import.meta.url), target: `/usr/bin/${program}` }],
});

promise(
  "if main's image has no mkfifo, one line says so, and sidecars look for main's mark every second",
  async (pod, context) => {
    if (pod.shell[0]?.endsWith("busybox")) context.skip("mkfifo is built into busybox ash");
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"));
    await sidecar.saw("d up");
    const main = pod.main(["sleep", "1"], without("mkfifo"));
    expect([(await main.exited).code, (await sidecar.exited).code]).toEqual([0, 0]);
    expect(main.stderr).toEqual(oneLine(/curfew: no FIFO in /));
    expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
  },
  { needs: ["namespaces", "command mkfifo"] },
);

promise(
  "if main's image has no tr, main still runs, and one line says what's lost",
  async (pod, context) => {
    if (pod.shell[0]?.endsWith("busybox")) context.skip("tr is built into busybox ash");
    const main = pod.main(["sh", "-c", "exit 5"], { env: { PATH: "/usr/bin", "a.b": "c" }, ...without("tr") });
    expect((await main.exited).code).toBe(5);
    expect(main.stderr).toEqual(oneLine(/curfew: no env or tr:/));
  },
  { needs: ["namespaces"] },
);

promise(
  "works the same if the volume is full, even with restarts",
  async (pod) => {
    const pause = pod.plain(
      sh(`mount -t tmpfs -o size=64k,mode=777 none ${pod.dir} && cat /dev/zero >${pod.dir}/full; echo up; sleep 60`),
      { uid: 0, capabilities: ["sys_admin"] },
    );
    await pause.saw("up");
    const inside = { inNamespaceOf: pause };
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { policy: "OnFailure", ...inside });
    await sidecar.saw("d up");
    expect((await pod.main(["false"], inside).exited).code).toBe(1);
    expect((await pod.main(["true"], inside).exited).code).toBe(0);
    expect((await sidecar.exited).code).toBe(0);
    expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
  },
  { needs: ["root"] },
);

promise(
  "works even if here-documents are files, as in bash before 5.1, and no file can be written",
  async (pod) => {
    const options = { env: { PATH: "/usr/bin:/bin", BASH_COMPAT: "50" }, readOnlyRoot: true };
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"), options);
    await sidecar.saw("d up");
    const main = pod.main(fixture("exit7"), options);
    await main.saw("up");
    main.kill("SIGTERM");
    expect([(await main.exited).code, (await sidecar.exited).code]).toEqual([7, 0]);
    expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
    expect([main.stderr, sidecar.stderr]).toEqual(["", stoppedAfter("main")]);
  },
  { needs: ["namespaces"] },
);
