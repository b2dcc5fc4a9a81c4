import { expect } from "vitest";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promise } from "../support/wrappers/shells.ts";
import { fixture } from "../support/wrappers/wrapped-pod.ts";

promise(
  "with OnFailure, sidecars survive main's failures, whatever is left behind, and end once main has succeeded",
  async (pod) => {
    const policy = "OnFailure";
    writeFileSync(join(pod.dir, "done"), "");
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { policy });
    await sidecar.saw("d up");
    await pod.main(["false"]).exited;
    const killed = pod.main(["sleep", "60"]);
    await pod.running(2);
    killed.kill("SIGKILL");
    await killed.exited;
    await sleep(1_200);
    expect(sidecar.output).toEqual(["d up"]);
    const main = pod.main(["sleep", "1.2"]);
    const restarted = pod.sidecar(fixture("daemon", "e", "0"), { policy });
    expect((await main.exited).code).toBe(0);
    expect([(await sidecar.exited).code, (await restarted.exited).code]).toEqual([0, 0]);
    expect(pod.files.filter((file) => file.startsWith("succeeded"))).toEqual(["succeeded.main.3"]);
  },
  { needs: ["namespaces"] },
);

promise("if main failed and isn't restarted, a sidecar waits no longer than the start timeout", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { policy: "OnFailure", start: 2 });
  await pod.main(["false"]).exited;
  expect((await sidecar.exited).code).toBe(1);
  expect(sidecar.stderr).toBe("curfew: main has not started within 2 s\n");
});

promise("main reuses a hidden FIFO that a killed start has left behind", async (pod) => {
  await pod.plain(["mkfifo", join(pod.dir, ".run.main")]).exited;
  expect((await pod.main(["true"]).exited).code).toBe(0);
  expect(pod.files).toEqual(["done", "ended.main.1", "run.main.1", "succeeded.main.1"]);
});
