import { expect } from "vitest";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { children } from "../../sim/pods/container.ts";
import { randomOf } from "../support/random.ts";
import { promise, repetitions } from "../support/wrappers/shells.ts";
import { fixture, sh, stoppedAfter } from "../support/wrappers/wrapped-pod.ts";

promise(
  "stops a sidecar with TERM when main has ended, whatever main's code, and the sidecar ends with 0",
  async (pod) => {
    const sidecar = pod.sidecar(fixture("daemon", "d", ".1"));
    await sidecar.saw("d up");
    const started = performance.now();
    const main = pod.main(sh("sleep 1.2; exit 5"));
    const [ended, stopped] = await Promise.all([main.exited, sidecar.exited]);
    expect([ended.code, stopped.code]).toEqual([5, 0]);
    expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
    expect(main.stderr).toBe("");
    expect(stopped.at - started).toBeGreaterThan(1_200);
  },
);

promise(
  "stops a sidecar if SIGKILL ends main's PID 1",
  async (pod) => {
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"));
    const main = pod.main(["sleep", "60"]);
    await Promise.all([pod.running(), sidecar.saw("d up")]);
    main.kill("SIGKILL");
    expect((await main.exited).code).toBe(137);
    expect((await sidecar.exited).code).toBe(0);
    expect(pod.files).toEqual(["run.main.1"]);
  },
  { needs: ["namespaces"] },
);

promise("stops a sidecar if SIGKILL ends main's app, as from the OOM killer", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"));
  const main = pod.main(sh("echo up; kill -9 $$"));
  expect((await main.exited).code).toBe(137);
  expect((await sidecar.exited).code).toBe(0);
});

promise("a sidecar that starts after main has ended, killed or not, gets TERM and time to stop", async (pod) => {
  for (const script of ["exit 0", "kill -9 $$"]) {
    await pod.main(sh(script), { name: "early" }).exited;
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { mains: "early" });
    expect((await sidecar.exited).code).toBe(0);
    expect(sidecar.output).toContain("d bye");
  }
});

promise("sidecars of a main that lasts only milliseconds get TERM and time to stop", async (pod, context) => {
  const random = randomOf(context);
  for (let run = 0; run < repetitions(3, 60); run++) {
    const name = `main-${run}`;
    const main = pod.main(["true"], { name });
    await sleep(random() * 20);
    const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { mains: name });
    expect([(await main.exited).code, (await sidecar.exited).code]).toEqual([0, 0]);
    expect(sidecar.output).toContain("d bye");
  }
});

promise("a sidecar that's stopped says so on stderr, in one line that names the mains", async (pod) => {
  const options = [{ mains: "a b" }, { mains: "a b", policy: "OnFailure" as const }];
  const sidecars = options.map((each) => pod.sidecar(fixture("daemon", "d", "0"), each));
  await Promise.all(sidecars.map((sidecar) => sidecar.saw("d up")));
  await Promise.all(["a", "b"].map((name) => pod.main(["true"], { name }).exited));
  for (const sidecar of sidecars) {
    expect((await sidecar.exited).code).toBe(0);
    expect(sidecar.stderr).toBe(stoppedAfter("a", "b"));
  }
});

promise("a sidecar that ends by itself says nothing, whether main has ended or not", async (pod) => {
  const main = pod.main(sh("read -r line"), { stdin: "open" });
  const sidecars = [0, 3].map((code) => pod.sidecar(sh(`exit ${code}`)));
  for (const sidecar of sidecars) {
    await sidecar.exited;
    expect(sidecar.stderr).toBe("");
  }
  main.stdin.end();
  await main.exited;
});

promise("waits for the last of several mains, and then stops all sidecars", async (pod) => {
  const sidecars = ["d", "e", "f"].map((name) => pod.sidecar(fixture("daemon", name, ".1"), { mains: "a b" }));
  const started = performance.now();
  const a = pod.main(["sleep", ".2"], { name: "a" });
  const b = pod.main(sh("sleep 1.5; exit 5"), { name: "b" });
  expect([(await a.exited).code, (await b.exited).code]).toEqual([0, 5]);
  for (const sidecar of sidecars) {
    expect((await sidecar.exited).code).toBe(0);
    const stopped = sidecar.lines.find(({ text }) => text.endsWith("TERM"));
    expect((stopped?.at ?? 0) - started).toBeGreaterThan(1_500);
  }
});

promise("creates the file done when main ends, for a hand-written loop that waits for it", async (pod) => {
  const byHand = pod.plain(sh(`while ! test -f ${pod.dir}/done; do sleep .1; done; echo over`));
  expect((await pod.main(["false"]).exited).code).toBe(1);
  expect((await byHand.exited).code).toBe(0);
  expect(pod.files).toEqual(["done", "ended.main.1", "run.main.1"]);
});

const switchesBelow = (pid: number): number => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const own = [...status.matchAll(/ctxt_switches:\t(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  return children(pid).reduce((sum, child) => sum + switchesBelow(child), own);
};

promise(
  "sleeps while main runs, without a single wake-up",
  async (pod) => {
    const containers = [pod.sidecar(["sleep", "60"]), pod.main(["sleep", "60"])];
    const switches = (): number => containers.reduce((sum, { pid }) => sum + switchesBelow(pid ?? 0), 0);
    await pod.running();
    await sleep(6_000); // a sidecar looks for its main once a second, and is young for five
    const before = switches();
    await sleep(1_500);
    expect(switches() - before).toBe(0);
  },
  { needs: ["namespaces"] },
);
