import { expect } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh } from "../support/wrappers/wrapped-pod.ts";

const survivor = sh("trap 'sleep 1; exit 4' TERM; echo up; while :; do sleep .05; done");

promise("when the Pod is deleted, a sidecar outlives main", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"));
  const main = pod.main(survivor);
  await Promise.all([main.saw("up"), sidecar.saw("d up")]);
  const deleted = performance.now();
  for (const container of [sidecar, main]) container.kill("SIGTERM");
  const [ended, stopped] = await Promise.all([main.exited, sidecar.exited]);
  expect([ended.code, stopped.code]).toEqual([4, 0]);
  expect(stopped.at - deleted).toBeGreaterThan(900); // main takes a second to end
  expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
});

promise("a sidecar holds TERM back only for a limited time, so that it still has time to stop", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", ".1"), { hold: 1 });
  const main = pod.main(sh("trap '' TERM; echo up; sleep 60"));
  await Promise.all([main.saw("up"), sidecar.saw("d up")]);
  sidecar.kill("SIGTERM");
  expect((await sidecar.exited).code).toBe(0);
  expect(main.running).toBe(true);
  expect(sidecar.stderr).toBe(""); // no main has ended, so it doesn't say so
});

promise("TERM stops a sidecar within a second if no main has started", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { hold: 30 });
  await sidecar.saw("d up");
  sidecar.kill("SIGTERM");
  expect((await sidecar.exited).code).toBe(0);
  expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
  expect(sidecar.stderr).toBe("");
});

promise("TERM stops a sidecar within a second between two runs of its main", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { policy: "OnFailure", hold: 30 });
  await sidecar.saw("d up");
  await pod.main(["false"]).exited;
  await sleep(300);
  expect(sidecar.output).toEqual(["d up"]);
  sidecar.kill("SIGTERM");
  expect((await sidecar.exited).code).toBe(0);
});

promise("TERM is held back while a second main runs, even if the first never started", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { mains: "a b" });
  const main = pod.main(sh("echo up; read -r line"), { name: "b", stdin: "open" });
  await Promise.all([main.saw("up"), sidecar.saw("d up")]);
  for (let terms = 0; terms < 3; terms++) sidecar.kill("SIGTERM");
  await sleep(300);
  expect(sidecar.output).toEqual(["d up"]);
  main.stdin.end();
  await main.exited;
  expect((await sidecar.exited).code).toBe(0);
});
