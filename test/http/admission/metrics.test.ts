import { afterEach, beforeEach, expect, test } from "vitest";
import {
  fakePlanner,
  PATCHED,
  reviewOf,
  startTestAdmission,
  type TestAdmission,
} from "../../support/admission/admission.ts";

const SECRET = "hunter2";
let admission: TestAdmission;
beforeEach(async () => {
  const limits = [{ limit: "no-shell", container: "side" }] as const;
  const leave = { kind: "leave", reason: "not-enabled", message: "", patch: [], containers: [], warnings: [] } as const;
  admission = await startTestAdmission(
    fakePlanner({
      planJob: (job) => (job === null ? leave : { ...PATCHED, strategy: "native", limits }),
    }),
  );
});
afterEach(() => {
  admission.close();
});

test("each review is counted once, by its outcome", async () => {
  await admission.post(reviewOf({}));
  await admission.post(reviewOf({}));
  await admission.post(reviewOf(null));
  await admission.post(reviewOf({}, { operation: "DELETE" }));
  await admission.post("{");
  const requests = (labels: string): Promise<number | undefined> =>
    admission.metric(`curfew_admission_requests_total{${labels}}`);
  expect(await requests('kind="Job",operation="CREATE",outcome="patched",reason="native"')).toBe(2);
  expect(await requests('kind="Job",operation="CREATE",outcome="left-alone",reason="not-enabled"')).toBe(1);
  expect(await requests('kind="Job",operation="DELETE",outcome="passed",reason="other-operation"')).toBe(1);
  expect(await requests('kind="unknown",operation="unknown",outcome="failed",reason="not-json"')).toBe(1);
  expect(await admission.metric('curfew_admission_limits_total{limit="no-shell",outcome="patched"}')).toBe(2);
});

test("each review's duration is recorded in seconds", async () => {
  await admission.post(reviewOf({}));
  const name = "curfew_admission_duration_seconds";
  expect(await admission.metric(`${name}_count{operation="CREATE"}`)).toBe(1);
  expect(await admission.metric(`${name}_bucket{le="10",operation="CREATE"}`)).toBe(1);
  const seconds = await admission.metric(`${name}_sum{operation="CREATE"}`);
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThan(1);
});

test("nothing is in flight once everything is answered", async () => {
  await Promise.all([admission.post(reviewOf({})), admission.post("{"), admission.post("", { method: "GET" })]);
  expect(await admission.metric("curfew_admission_in_flight")).toBe(0);
});

test("a labelled Job's review is logged in one line, with the limit that decided and none of the Job's values", async () => {
  const containers = [{ name: "a", command: [SECRET], env: [{ name: "PASSWORD", value: SECRET }] }];
  await admission.post(reviewOf({ metadata: { generateName: "build-" }, spec: { containers } }, { name: "" }));
  expect(admission.logged).toEqual([
    {
      level: "info",
      component: "admission",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      msg: "review",
      namespace: "ci",
      generateName: "build-",
      kind: "Job",
      operation: "CREATE",
      outcome: "patched",
      reason: "native",
      limits: ["no-shell"],
      milliseconds: expect.any(Number) as number,
    },
  ]);
  expect(JSON.stringify(admission.logged)).not.toContain(SECRET);
});

test("a review of an object that isn't for Curfew is logged at debug level only", async () => {
  await admission.post(reviewOf(null));
  await admission.post(reviewOf({}, { kind: { group: "", version: "v1", kind: "Service" } }));
  expect(admission.logged.map(({ level }) => level)).toEqual(["debug", "debug"]);
});

test("a name a megabyte long is cut short in the log", async () => {
  await admission.post(reviewOf({}, { name: "x".repeat(1_000_000), namespace: "y".repeat(1_000_000) }));
  expect(JSON.stringify(admission.logged).length).toBeLessThan(1_000);
});
