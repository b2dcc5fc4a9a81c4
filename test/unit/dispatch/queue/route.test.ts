import { expect, test } from "vitest";
import type { BuildkiteJob } from "../../../../src/dispatch/buildkite/job.ts";
import type { DispatchConfig } from "../../../../src/dispatch/config/dispatch-config.ts";
import type { JobOrigin } from "../../../../src/dispatch/buildkite/event.ts";
import { routeDelivery } from "../../../../src/dispatch/queue/route.ts";
import { testConfig } from "../../../support/dispatch/config.ts";

const CLUSTER = "01990000-0000-4000-8000-00000000000c";
const LINUX = "01990000-0000-4000-8000-00000000000d";
const MAC = "01990000-0000-4000-8000-00000000000e";
const template = { spec: { template: { spec: { containers: [{ name: "agent" }] } } } };
const CONFIG = testConfig(
  {},
  {
    cluster: CLUSTER,
    queues: [
      {
        name: "linux",
        id: LINUX,
        templates: [
          { tags: { size: "large", arch: "arm64" }, template },
          { tags: { docker: "true" }, template },
        ],
      },
      { name: "plain", default: true },
    ],
  },
);

/** The queue and the tags of the template that serves the job, or why the job isn't ours. */
function route(rules: readonly string[], origin: JobOrigin = {}, config: DispatchConfig = CONFIG): string {
  const buildkiteJob: BuildkiteJob = { id: "1", rules, priority: 0 };
  const found = routeDelivery(config, buildkiteJob, origin);
  if (found.kind === "elsewhere") return found.reason;
  return [found.queue.name, ...Object.entries(found.template.tags).map(([key, value]) => `${key}=${value}`)].join(" ");
}

test.each([
  ["by its rule", ["queue=linux"], {}, "linux"],
  ["by the cluster queue's UUID, whatever the rule says", ["queue=windows"], { queueId: LINUX }, "linux"],
  ["by its rule, if that queue's UUID isn't configured", ["queue=plain"], { queueId: MAC }, "plain"],
  ["as the default, if it names none", [], {}, "plain"],
])("finds a job's queue %s", (_how, rules, origin, expected) => {
  expect(route(rules, origin)).toBe(expected);
});

test.each([
  ["a queue that isn't ours", ["queue=windows"], {}, "other-queue"],
  ["a queue of our name in another cluster", ["queue=linux"], { clusterId: MAC }, "other-cluster"],
  ["a queue of our name with another UUID", ["queue=linux"], { queueId: MAC }, "other-queue"],
  ["another organization", ["queue=linux"], { organization: "globex" }, "other-organization"],
])("leaves a job from %s alone", (_what, rules, origin, expected) => {
  expect(route(rules, origin)).toBe(expected);
});

test("accepts a job that doesn't name its cluster or organization", () => {
  expect(route(["queue=linux"], {})).toBe("linux");
});

test("accepts no job without a queue if there's no default queue", () => {
  expect(route([], {}, testConfig({ default: false }))).toBe("other-queue");
});

test.each([
  [["size=large"], "linux size=large arch=arm64"],
  [["arch=arm64", "size=large"], "linux size=large arch=arm64"],
  [["size=*"], "linux size=large arch=arm64"],
  [["docker"], "linux docker=true"],
  [["size=small"], "unserved-tags"],
  [["size=large", "gpu=true"], "unserved-tags"],
  [["constructor=*"], "unserved-tags"],
  [["docker=true", "size=large"], "unserved-tags"],
])("for %j, chooses the template that matches all of it", (rules, expected) => {
  expect(route(["queue=linux", ...rules])).toBe(expected);
});

test("gives a job without tags the template without tags, not the first", () => {
  expect(route(["queue=linux"])).toBe("linux");
});
