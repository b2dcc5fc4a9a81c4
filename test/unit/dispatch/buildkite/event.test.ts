import fc from "fast-check";
import { expect, test } from "vitest";
import { parseEvent } from "../../../../src/dispatch/buildkite/event.ts";
import { webhookPayload } from "../../../../sim/buildkite/webhook.ts";
import { law } from "../../../support/law.ts";

const ID = "01990000-0000-4000-8000-00000000abcd";
const scheduled = (job: Record<string, unknown> = {}, rest: Record<string, unknown> = {}): Record<string, unknown> => {
  const payload = webhookPayload("job.scheduled", { id: ID, scheduledAt: 1_000 });
  return { ...payload, job: { ...(payload["job"] as object), ...job }, ...rest };
};

test("takes of job.scheduled what a Job is made of, and nothing else", () => {
  expect(parseEvent("job.scheduled", scheduled({ priority: { number: 3 } }))).toEqual({
    kind: "scheduled",
    buildkiteJob: {
      id: ID,
      rules: ["queue=kubernetes"],
      priority: 3,
      waitingSince: 1_000,
      pipeline: "web",
      branch: "main",
      buildUrl: `https://buildkite.com/acme/web/builds/7#${ID}`,
    },
    origin: {
      organization: "acme",
      clusterId: "01990000-0000-4000-8000-00000000000c",
      queueId: "01990000-0000-4000-8000-00000000000d",
    },
  });
});

test("needs no more than the job's UUID and type", () => {
  expect(
    parseEvent("job.scheduled", { event: "job.scheduled", job: { id: ID.toUpperCase(), type: "script" } }),
  ).toEqual({
    kind: "scheduled",
    buildkiteJob: { id: ID, rules: [], priority: 0 },
    origin: {},
  });
});

test.each(["assigned", "accepted", "running", "limited", "a state of the future"])(
  "does not hold it against job.scheduled that the state is %s already",
  (state) => {
    expect(parseEvent("job.scheduled", scheduled({ state }))).toMatchObject({ kind: "scheduled" });
  },
);

test.each(["passed", "failed", "finished", "canceled", "timed_out", "skipped", "broken", "expired"])(
  "takes job.scheduled with the state %s for what it is: over",
  (state) => {
    expect(parseEvent("job.scheduled", scheduled({ state }))).toEqual({ kind: "over", id: ID });
  },
);

test("counts the time that a job waits from when it could run, not from when it was made", () => {
  const times = { scheduled_at: "1970-01-01T00:00:01Z", runnable_at: "1970-01-01T00:00:09Z" };
  expect(parseEvent(undefined, scheduled(times))).toMatchObject({ buildkiteJob: { waitingSince: 9_000 } });
});

test.each(["waiter", "manual", "trigger"])("ignores a job of the type %s", (type) => {
  expect(parseEvent("job.scheduled", scheduled({ type }))).toEqual({ kind: "ignored", reason: "not-a-script" });
});

test.each([
  ["a UUID that is none", { id: "1; rm -rf /" }, "job.id"],
  ["no type", { type: undefined }, "job.type"],
  ["rules that are no list", { agent_query_rules: "queue=x" }, "job.agent_query_rules"],
])("names the field at fault where there is %s", (_what, job, field) => {
  expect(parseEvent("job.scheduled", scheduled(job))).toEqual({ kind: "malformed", fields: [field] });
});

test.each(["javascript:alert(1)", "https://x y", `https://buildkite.com/${"a".repeat(3000)}`, ""])(
  "takes the build's URL where the job's is none (%#)",
  (url) => {
    expect(parseEvent("job.scheduled", scheduled({ web_url: url }))).toMatchObject({
      buildkiteJob: { buildUrl: "https://buildkite.com/acme/web/builds/7" },
    });
  },
);

law(
  "never throws, whatever is sent",
  fc.property(fc.string(), fc.jsonValue(), fc.jsonValue(), (name, body, job) => {
    expect(parseEvent(name, body)).toHaveProperty("kind");
    expect(parseEvent(name, { event: "job.scheduled", job })).toHaveProperty("kind");
  }),
);
