import { expect } from "vitest";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh } from "../support/wrappers/wrapped-pod.ts";

promise(
  "with shareProcessNamespace, main's end stops the sidecar, and no other container's processes",
  async (pod) => {
    const pause = pod.plain(sh("trap 'exit 0' TERM; echo up; while :; do sleep 60 & wait $!; done"));
    await pause.saw("up");
    const together = { inNamespaceOf: pause };
    const neighbour = pod.plain(fixture("daemon", "n", "0"), together);
    const sidecar = pod.sidecar(sh(`${fixture("daemon", "d", "0").join(" ")} & wait`), together);
    const orphan = sh('(trap "" HUP; sleep 60) & echo up; sleep 1.2; exit 5');
    const main = pod.main(orphan, together);
    await Promise.all([neighbour.saw("n up"), sidecar.saw("d up"), main.saw("up")]);
    expect([(await main.exited).code, (await sidecar.exited).code]).toEqual([5, 0]);
    expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
    expect(neighbour.output).toEqual(["n up"]);
    expect(neighbour.running && pause.running).toBe(true);
  },
  { needs: ["namespaces"] },
);

promise(
  "with shareProcessNamespace, the sidecar stops even if main is killed, and main gets signals as from the kernel",
  async (pod) => {
    const pause = pod.plain(sh("echo up; exec sleep 60"));
    await pause.saw("up");
    const together = { inNamespaceOf: pause };
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { ...together, mains: "a b" });
    const a = pod.main(["sleep", "60"], { ...together, name: "a" });
    const b = pod.main(sh("echo up; exec sleep 60"), { ...together, name: "b" });
    await Promise.all([sidecar.saw("d up"), pod.running(1, "a"), b.saw("up")]);
    a.kill("SIGKILL");
    expect((await a.exited).code).toBe(137);
    b.kill("SIGTERM");
    expect((await b.exited).code).toBe(143);
    expect((await sidecar.exited).code).toBe(0);
  },
  { needs: ["namespaces"] },
);
