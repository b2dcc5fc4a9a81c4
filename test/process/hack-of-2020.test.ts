/**
 * The hack that gave Curfew its idea, verbatim except for paths and the two programs: a record of
 * how it differs from Curfew.
 * Source: https://carlosbecker.com/posts/k8s-sidecar-shutdown (2020-02-28).
 */
import { expect } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, sh, type WrappedPod } from "../support/wrappers/wrapped-pod.ts";

const agent = (pod: WrappedPod, command: string) =>
  pod.plain([
    ...pod.shell,
    "-c",
    `trap 'touch ${pod.dir}/done' EXIT
${command}
`,
  ]);

const dind = (pod: WrappedPod, command: string) =>
  pod.plain([
    ...pod.shell,
    "-c",
    `${command} &
while ! test -f ${pod.dir}/done; do
  echo 'Waiting for the agent pod to finish...'
  sleep 5
done
echo "Agent pod finished, exiting"
exit 0
`,
  ]);
const daemon = fixture("daemon", "d", "0").join(" ");

promise("the hack of 2020: ends the sidecar up to 5 s late, and kills its daemon without a TERM", async (pod) => {
  const sidecar = dind(pod, daemon);
  await sidecar.saw("d up");
  const main = agent(pod, "sleep .5; exit 7");
  const [ended, stopped] = await Promise.all([main.exited, sidecar.exited]);
  expect([ended.code, stopped.code]).toEqual([7, 0]);
  expect(stopped.at - ended.at).toBeGreaterThan(1_000);
  expect(sidecar.output).not.toContain("d TERM");
});

promise(
  "the hack of 2020: never ends the sidecar when main is killed",
  async (pod) => {
    const sidecar = dind(pod, daemon);
    const main = agent(pod, "echo up; sleep 60");
    await Promise.all([main.saw("up"), sidecar.saw("d up")]);
    main.kill("SIGKILL");
    expect((await main.exited).code).toBe(137);
    await sleep(6_000);
    expect(sidecar.running).toBe(true);
    expect(pod.files).toEqual([]);
  },
  { needs: ["namespaces"] },
);

promise("the hack of 2020: doesn't notice that its daemon has crashed", async (pod) => {
  const sidecar = dind(pod, sh("exit 3").join(" ").replace("exit 3 sh", "'exit 3'"));
  await sleep(1_000);
  expect(sidecar.running).toBe(true);
  await agent(pod, ":").exited;
  expect((await sidecar.exited).code).toBe(0);
});

promise(
  "the hack of 2020: TERM reaches neither the agent nor the daemon",
  async (pod) => {
    const main = agent(
      pod,
      sh("X").slice(0, 2).join(" ") + ` "trap 'echo main TERM; exit 4' TERM; echo up; sleep 1 & wait"`,
    );
    const sidecar = dind(pod, daemon);
    await Promise.all([main.saw("up"), sidecar.saw("d up")]);
    for (const container of [main, sidecar]) container.kill("SIGTERM");
    await main.exited;
    expect(main.output).toEqual(["up"]);
    expect(sidecar.output).not.toContain("d TERM");
  },
  { needs: ["namespaces"] },
);
