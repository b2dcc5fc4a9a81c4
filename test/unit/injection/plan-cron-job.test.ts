import { expect, test } from "vitest";
import { planCronJob } from "../../../src/injection/plan-cron-job.ts";

const labelled = { labels: { "curfew.sh/enabled": "true" } };

test.each([
  [null, "it must be an object"],
  [{ spec: { jobTemplate: null } }, "/spec/jobTemplate must be an object"],
  [{ spec: { jobTemplate: { metadata: labelled } } }, "/spec/jobTemplate/spec must be an object"],
  [
    { spec: { jobTemplate: { metadata: { ...labelled, annotations: { "a/b": 1 } } } } },
    '/spec/jobTemplate/metadata/annotations: "a/b" must be a string',
  ],
])("%j is refused with the place that's wrong", (cronJob, problem) => {
  expect(planCronJob(cronJob)).toMatchObject({
    kind: "refuse",
    reason: "malformed",
    message: `This isn't a valid CronJob: ${problem}.`,
  });
});

test("a CronJob without the label on its Jobs is left alone, whatever its shape", () => {
  expect(planCronJob({ spec: { jobTemplate: { metadata: "x" } } })).toMatchObject({ kind: "leave", patch: [] });
});
