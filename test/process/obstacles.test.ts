import { expect } from "vitest";
import { fileURLToPath } from "node:url";
import type { Mount } from "../../sim/pods/container.ts";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh, stoppedAfter } from "../support/wrappers/wrapped-pod.ts";

const oneLine = (pattern: RegExp): unknown => expect.stringMatching(new RegExp(`^${pattern.source}.*\n$`));

promise(
  "a user who is not root, and a read-only root filesystem, change nothing",
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
  "where main cannot write to the shared folder it runs all the same, and one line says so",
  async (pod) => {
    const main = pod.main(sh("echo ran; exit 5"), { readOnlyDir: true });
    expect((await main.exited).code).toBe(5);
    expect(main.output).toEqual(["ran"]);
    expect(main.stderr).toEqual(oneLine(/curfew: no FIFO in /));
  },
  { needs: ["namespaces"] },
);

/** Mounts that hide a program, as if the image had none: what can't be executed takes its place. */
const without = (program: string): { readonly mounts: readonly Mount[] } => ({
  mounts: [{ source: fileURLToPath(import.meta.url), target: `/usr/bin/${program}` }],
});

promise(
  "where main's image has no mkfifo, one line says so, and sidecars look for main's mark every second",
  async (pod, context) => {
    if (pod.shell[0]?.endsWith("busybox")) context.skip("busybox ash has mkfifo in itself");
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
  "where main's image has no tr, main runs, and one line says what is lost",
  async (pod, context) => {
    if (pod.shell[0]?.endsWith("busybox")) context.skip("busybox ash has tr in itself");
    const main = pod.main(["sh", "-c", "exit 5"], { env: { PATH: "/usr/bin", "a.b": "c" }, ...without("tr") });
    expect((await main.exited).code).toBe(5);
    expect(main.stderr).toEqual(oneLine(/curfew: no env or tr:/));
  },
  { needs: ["namespaces"] },
);

promise(
  "a full volume changes nothing, with restarts too",
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
  "where a here-document is a file, as in bash before 5.1, and no file can be written, another pipe is found",
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
