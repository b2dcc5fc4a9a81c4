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

test("takes from job.scheduled only what a Job is made of", () => {
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

test("needs only the job's UUID and type", () => {
  expect(
    parseEvent("job.scheduled", { event: "job.scheduled", job: { id: ID.toUpperCase(), type: "script" } }),
  ).toEqual({
    kind: "scheduled",
    buildkiteJob: { id: ID, rules: [], priority: 0 },
    origin: {},
  });
});

test.each(["assigned", "accepted", "running", "limited", "a state that doesn't exist yet"])(
  "accepts job.scheduled even if the state is already %s",
  (state) => {
    expect(parseEvent("job.scheduled", scheduled({ state }))).toMatchObject({ kind: "scheduled" });
  },
);

test.each(["passed", "failed", "finished", "canceled", "timed_out", "skipped", "broken", "expired"])(
  "treats the job as over if job.scheduled has the state %s",
  (state) => {
    expect(parseEvent("job.scheduled", scheduled({ state }))).toEqual({ kind: "over", id: ID });
  },
);

test("counts a job's waiting time from when it could run, not from when it was created", () => {
  const times = { scheduled_at: "1970-01-01T00:00:01Z", runnable_at: "1970-01-01T00:00:09Z" };
  expect(parseEvent(undefined, scheduled(times))).toMatchObject({ buildkiteJob: { waitingSince: 9_000 } });
});

test.each(["waiter", "manual", "trigger"])("ignores a job of the type %s", (type) => {
  expect(parseEvent("job.scheduled", scheduled({ type }))).toEqual({ kind: "ignored", reason: "not-a-script" });
});

test.each([
  ["an invalid UUID", { id: "1; rm -rf /" }, "job.id"],
  ["no type", { type: undefined }, "job.type"],
  ["rules that aren't a list", { agent_query_rules: "queue=x" }, "job.agent_query_rules"],
])("names the field if there's %s", (_what, job, field) => {
  expect(parseEvent("job.scheduled", scheduled(job))).toEqual({ kind: "malformed", fields: [field] });
});

test.each(["javascript:alert(1)", "https://x y", `https://buildkite.com/${"a".repeat(3000)}`, ""])(
  "uses the build's URL if the job's isn't valid (%#)",
  (url) => {
    expect(parseEvent("job.scheduled", scheduled({ web_url: url }))).toMatchObject({
      buildkiteJob: { buildUrl: "https://buildkite.com/acme/web/builds/7" },
    });
  },
);

law(
  "never throws, no matter what is sent",
  fc.property(fc.string(), fc.jsonValue(), fc.jsonValue(), (name, body, job) => {
    expect(parseEvent(name, body)).toHaveProperty("kind");
    expect(parseEvent(name, { event: "job.scheduled", job })).toHaveProperty("kind");
  }),
);
