import { expect } from "vitest";
import type { Container } from "../../sim/pods/container.ts";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh } from "../support/wrappers/wrapped-pod.ts";

promise("a sidecar that ends first ends with its own code, and main goes on", async (pod) => {
  const main = pod.main(sh("read -r line; exit 6"), { stdin: "open" });
  const crashes = [pod.sidecar(sh("sleep .1; exit 3")), pod.sidecar(sh("kill -11 $$")), pod.sidecar(["/no/such"])];
  expect((await Promise.all(crashes.map(({ exited }) => exited))).map(({ code }) => code)).toEqual([3, 139, 127]);
  expect(main.running).toBe(true);
  main.stdin.end();
  expect((await main.exited).code).toBe(6);
});

promise("a sidecar that ignores TERM is killed after its grace period, and ends with 0", async (pod) => {
  const sidecar = pod.sidecar(sh("trap '' TERM; while :; do sleep .2; done"), { grace: 2 });
  const main = pod.main(["sleep", ".2"]);
  const [ended, killed] = await Promise.all([main.exited, sidecar.exited]);
  expect(killed.code).toBe(0);
  expect(killed.at - ended.at).toBeGreaterThan(1_500);
});

promise(
  "only the top process gets TERM if it handles that, under tini too",
  async (pod) => {
    const child = fixture("daemon", "child", "0").join(" ");
    const top = sh(`trap 'echo top TERM; exit 0' TERM; ${child} & while :; do sleep .05; done`);
    const sidecars = [pod.sidecar(top), pod.sidecar(["tini", "-s", "--", ...top])];
    await Promise.all(sidecars.map((sidecar) => sidecar.saw("child up")));
    await pod.main(["sleep", ".3"]).exited;
    for (const sidecar of sidecars) {
      expect((await sidecar.exited).code).toBe(0);
      expect(sidecar.output).toEqual(["child up", "top TERM"]);
    }
  },
  { needs: ["namespaces", "command tini"] },
);

const daemon = fixture("daemon", "d", ".5").join(" ");
const quick = fixture("daemon", "e", ".1").join(" ");
const scripts = {
  "daemon & wait": `${daemon} & wait`,
  "setup; daemon; more": `sleep 0; ${daemon}; sleep 0`,
  "daemon & while sleep; do …": `${daemon} & while sleep .3; do :; done`,
  "nested scripts": `sh -c 'sleep 0; ${daemon}; :' & ${quick} & wait`,
  "daemon & one more that ends first": `${daemon} & ${quick}; :`,
};
for (const [form, script] of Object.entries(scripts)) {
  promise(`a daemon under a shell script gets TERM once, and time to stop: ${form}`, async (pod) => {
    const sidecar = pod.sidecar(sh(script));
    await sidecar.saw("d up");
    await pod.main(["sleep", ".3"]).exited;
    expect((await sidecar.exited).code).toBe(0);
    expect(sidecar.output.filter((line) => line.startsWith("d"))).toEqual(["d up", "d TERM", "d bye"]);
  });
}

/** TERM can come as soon as there's a trap for it, so before the line that says so. */
const withoutUp = ({ output }: Container): string[] => output.filter((line) => !line.endsWith("up"));

promise(
  "a sidecar that starts after main has ended gets TERM once it handles it, not in the middle of its start",
  async (pod) => {
    await pod.main(["true"]).exited;
    const slow = pod.sidecar(sh("sleep .7; trap 'echo bye; exit 0' TERM; echo up; while :; do sleep .1; done"));
    const daemons = pod.sidecar(sh(`sleep .7; ${daemon} & wait`));
    expect((await slow.exited).code).toBe(0);
    expect(withoutUp(slow)).toEqual(["bye"]);
    expect((await daemons.exited).code).toBe(0);
    expect(withoutUp(daemons)).toEqual(["d TERM", "d bye"]);
  },
);

promise(
  "if main has already ended, what a sidecar starts later gets TERM too, and its grace period begins only then",
  async (pod) => {
    await pod.main(["true"]).exited;
    const later = pod.sidecar(sh(`${quick} & sleep 1.7; ${daemon} & wait`), { grace: 15 });
    const brief = pod.sidecar(sh(`sleep 3.3; exec ${quick}`), { grace: 2 });
    expect((await later.exited).code).toBe(0);
    expect(withoutUp(later)).toEqual(["e TERM", "e bye", "d TERM", "d bye"]);
    expect((await brief.exited).code).toBe(0);
    expect(withoutUp(brief)).toEqual(["e TERM", "e bye"]);
  },
);

promise("a sidecar whose main never starts says so after the start timeout, stops, and ends with 1", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { start: 2 });
  expect((await sidecar.exited).code).toBe(1);
  expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
  expect(sidecar.stderr).toBe("curfew: main has not started within 2 s\n");
});

promise("without a start timeout, a sidecar waits for its main as long as it takes", async (pod) => {
  const sidecar = pod.sidecar(fixture("daemon", "d", "0"), { start: 0 });
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(sidecar.running).toBe(true);
  await pod.main(["true"]).exited;
  expect((await sidecar.exited).code).toBe(0);
});
