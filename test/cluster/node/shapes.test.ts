/**
 * The Jobs of examples/shapes, applied unchanged, under auto: each completes, and its sidecars end
 * as the example says.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { linesOf, SLACK_MS } from "../support/follow-logs.ts";
import { endOf, untilEnded } from "../support/jobs.ts";
import { kubectlOutput } from "../support/kubectl.ts";
import { testNamespace } from "../support/namespace.ts";

const folder = path.join(import.meta.dirname, "../../../examples/shapes");
const namespace = testNamespace("shapes");
beforeAll(() => kubectlOutput(["apply", "-n", namespace, "-f", folder]));

/**
 * Far more than any of these sidecars takes, and far less than the Pod's grace period, after which
 * it would be killed.
 */
const GENEROUS_MS = 15_000;

/** How the Job with the example's name ended. Already checks what all examples promise. */
async function ended(name: string, strategy: "trap" | "native", mains: readonly string[]): Promise<Ended> {
  const { outcome, job, pod } = await untilEnded(namespace, name);
  expect(outcome).toBe("Complete");
  expect(job.metadata.annotations).toMatchObject({ "curfew.sh/injected": strategy });
  const names = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((container) => container.name);
  const finished = (names: readonly string[]) =>
    Math.max(...names.map((name) => Date.parse(endOf(pod, name).finishedAt)));
  expect(finished(names) - finished(mains)).toBeLessThan(GENEROUS_MS);
  const lines = await Promise.all(
    names.map(async (name) =>
      (await linesOf(namespace, pod, name)).map(({ at, text }) => ({ at, text: `${name}: ${text}` })),
    ),
  );
  return {
    codes: Object.fromEntries(names.map((name) => [name, endOf(pod, name).exitCode])),
    lines: lines.flat(),
  };
}

interface Ended {
  readonly codes: Readonly<Record<string, number>>;
  /** What the containers wrote, as `CONTAINER: TEXT`. */
  readonly lines: readonly { readonly at: number; readonly text: string }[];
}

/**
 * Checks that each text was written once, and in this order; returns the times between them, in
 * milliseconds.
 */
function expectInOrder({ lines }: Ended, ...texts: readonly string[]): number[] {
  const times = texts.map((text) => {
    const [line, ...others] = lines.filter((line) => line.text.includes(text));
    if (line === undefined || others.length > 0) {
      throw new Error(`${text} was written ${others.length + (line ? 1 : 0)} times: ${JSON.stringify(lines, null, 1)}`);
    }
    return line.at;
  });
  const between = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  for (const time of between) expect(time).toBeGreaterThan(-SLACK_MS);
  return between;
}

describe.concurrent("an example completes, and", () => {
  it("proxy-first: the proxy that's listed first ends after main, with 0 instead of its 143", async () => {
    const job = await ended("proxy-first", "trap", ["migrate"]);
    expectInOrder(job, "migrate: shop: done with migrate", "proxy: received terminated", "proxy: stopped");
    expect(job.codes).toEqual({ migrate: 0, proxy: 0 });
  });

  it("distroless-proxy: its postStart hook delays main, and its own 143 doesn't fail the Job", async () => {
    const job = await ended("distroless-proxy", "native", ["migrate"]);
    expectInOrder(job, "proxy: ready", "migrate: shop: done with migrate", "proxy: received terminated");
    expect(job.codes).toEqual({ migrate: 0, proxy: 143 });
  });

  it("daemon-in-script: the daemon under the script ends by its own shutdown", async () => {
    const job = await ended("daemon-in-script", "trap", ["build"]);
    expectInOrder(
      job,
      "Successfully tagged shop:nightly",
      "Processing signal 'terminated'",
      "Daemon shutdown complete",
    );
    expect(job.codes).toEqual({ build: 0, dind: 0 });
  });

  it("pre-stop: the shipper gets TERM after its hook's 3 s, and ships the last lines", async () => {
    const job = await ended("pre-stop", "native", ["report"]);
    const [untilTerm] = expectInOrder(
      job,
      ...["report: shop: done with report", "vector: received terminated", "vector: shop: done with report"],
    );
    expect(untilTerm).toBeGreaterThan(2500);
    expect(job.codes).toEqual({ report: 0, vector: 0 });
  });

  it("log-shipper: lines that it ships only after TERM still arrive", async () => {
    const job = await ended("log-shipper", "native", ["report"]);
    const shipped = "fluent-bit: shop: done with report";
    expectInOrder(job, "report: shop: done with report", "fluent-bit: received terminated", shipped);
    expect(job.codes).toEqual({ report: 0, "fluent-bit": 0 });
  });

  it("two-mains: the database outlives both mains, and then shuts down", async () => {
    const job = await ended("two-mains", "trap", ["api", "web"]);
    const mains = ["api: shop: done with test api", "web: shop: done with test web"];
    expectInOrder(job, ...mains, "postgres: received terminated", "postgres: stopped");
    expect(job.codes).toEqual({ api: 0, web: 0, postgres: 0 });
  });

  it("quitquitquit: the proxy that main tells to quit ends by itself, and gets no TERM", async () => {
    const job = await ended("quitquitquit", "trap", ["sync"]);
    expectInOrder(job, "sync: shop: done with sync", "envoy: told to quit");
    expect(job.lines.map(({ text }) => text)).not.toContain("envoy: received terminated");
    expect(job.codes).toEqual({ sync: 0, envoy: 0 });
  });

  it("kill-by-name: main finds the wrapped proxy by its name, and ends it", async () => {
    const job = await ended("kill-by-name", "trap", ["migrate"]);
    expect(job.lines.map(({ text }) => text)).not.toContain("migrate: killall: cloud-sql-proxy: no process killed");
    expectInOrder(job, "migrate: shop: done with migrate", "proxy: received terminated", "proxy: stopped");
    expect(job.codes).toEqual({ migrate: 0, proxy: 0 });
  });

  it("file-by-hand: the hand-written loop and Curfew don't harm each other", async () => {
    const job = await ended("file-by-hand", "trap", ["migrate"]);
    expectInOrder(job, "migrate: shop: done with migrate", "proxy: received terminated", "proxy: stopped");
    expect(job.codes).toEqual({ migrate: 0, proxy: 0 });
  });

  it("video-recorder: the recorder gets the time it takes to finish", async () => {
    const job = await ended("video-recorder", "trap", ["tests"]);
    expectInOrder(job, "tests: shop: done with test web", "browser: received terminated");
    const recorder = ["video: received terminated", "video: stopped"];
    const [, finishing] = expectInOrder(job, "tests: shop: done with test web", ...recorder);
    expect(finishing).toBeGreaterThan(1500);
    expect(job.codes).toEqual({ tests: 0, browser: 0, video: 0 });
  });

  it("finisher: the proxy ends after main, and the finisher runs to its own end", async () => {
    const job = await ended("finisher", "trap", ["export"]);
    const uploaded = "upload: upload: /out/orders.csv to s3://shop/orders.csv";
    expectInOrder(job, "export: shop: done with export /out", "proxy: received terminated", uploaded);
    expect(job.codes).toEqual({ export: 0, upload: 0, proxy: 0 });
  });

  it("istio: the mesh's proxy starts after its init container, and ends after main", async () => {
    const job = await ended("istio", "native", ["report"]);
    const proxy = ["istio-proxy: received terminated", "istio-proxy: stopped"];
    expectInOrder(
      job,
      ...["istio-init: traffic is redirected", "istio-proxy: ready", "report: shop: done with report", ...proxy],
    );
    expect(job.codes).toEqual({ "istio-init": 0, report: 0, "istio-proxy": 0 });
  });
});

it("no example is left out", ({ task }) => {
  const titles = task.file.tasks.flatMap((suite) => ("tasks" in suite ? suite.tasks.map(({ name }) => name) : []));
  const names = titles.map((title) => `${title.slice(0, title.indexOf(":"))}.yaml`);
  expect(names.sort()).toEqual(readdirSync(folder).sort());
});
