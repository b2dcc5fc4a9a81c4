import { afterEach, describe, expect, test } from "vitest";
import type { LatePlan, Plan } from "../../../src/injection/plan.ts";
import type { Planner } from "../../../src/planner/planner.ts";
import {
  decodePatch,
  fakePlanner,
  PATCHED,
  reviewOf,
  startTestAdmission,
  type TestAdmission,
} from "../../support/admission/admission.ts";

const UID = "705ab4f5-6393-11e8-b7cc-42010a800002";
const JOB = { metadata: { name: "build-1" }, spec: {} };
const REFUSED: Plan = {
  kind: "refuse",
  reason: "limits-met",
  message: "No.",
  limits: [],
  waysOut: [],
  containers: [],
  warnings: [],
};
const POD_KIND = { group: "", version: "v1", kind: "Pod" };
const CRON_JOB_KIND = { kind: { group: "batch", version: "v1", kind: "CronJob" } };

let admission: TestAdmission;
afterEach(() => {
  admission.close();
});

async function answerTo(review: unknown, answers?: Partial<Planner>, options?: { path: string }): Promise<unknown> {
  admission = await startTestAdmission(fakePlanner(answers));
  const { status, headers, body } = await admission.post(review, options);
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("application/json");
  return body;
}

function reviewed(response: object): unknown {
  return { kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", response: { uid: UID, ...response } };
}

describe("a Job that is created", () => {
  test("is patched with exactly the plan's patch", async () => {
    const body = await answerTo(reviewOf(JOB));
    expect(body).toEqual(
      reviewed({
        allowed: true,
        patchType: "JSONPatch",
        patch: Buffer.from(JSON.stringify(PATCHED.patch)).toString("base64"),
        auditAnnotations: { outcome: "patched", reason: "trap" },
      }),
    );
  });

  test("reaches the planner unchanged", async () => {
    const seen: unknown[] = [];
    await answerTo(reviewOf(JOB), { planJob: (job) => (seen.push(job), PATCHED) });
    expect(seen).toEqual([JOB]);
  });

  test("is refused with the plan's message and code 422, which clients don't retry", async () => {
    expect(await answerTo(reviewOf(JOB), { planJob: () => REFUSED })).toEqual(
      reviewed({
        allowed: false,
        status: { status: "Failure", code: 422, reason: "Invalid", message: "No." },
        auditAnnotations: { outcome: "refused", reason: "limits-met" },
      }),
    );
  });

  test("is left alone, without a patch, if there's nothing to do", async () => {
    const leave = {
      kind: "leave",
      reason: "not-enabled",
      message: "",
      patch: [],
      containers: [],
      warnings: [],
    } as const;
    expect(await answerTo(reviewOf(JOB), { planJob: () => leave })).toEqual(
      reviewed({ allowed: true, auditAnnotations: { outcome: "left-alone", reason: "not-enabled" } }),
    );
  });

  test("gets the same answer in a dry run", async () => {
    const dry = await answerTo(reviewOf(JOB, { dryRun: true }));
    const { body } = await admission.post(reviewOf(JOB));
    expect(dry).toEqual(body);
  });

  test("gets the plan's warnings, in a length and form that the API server keeps", async () => {
    const warnings = ["short", `two\nlines`, "x".repeat(2_048)];
    const body = await answerTo(reviewOf(JOB), { planJob: () => ({ ...PATCHED, warnings }) });
    expect(body).toMatchObject({ response: { warnings: ["short", "two lines", `${"x".repeat(255)}…`] } });
  });

  test("can have any characters in its review's uid", async () => {
    const uid = 'a"\\\u2028é';
    expect(await answerTo(reviewOf(JOB, { uid }))).toMatchObject({ response: { uid } });
  });
});

describe("a Job that is updated", () => {
  test("gets back what was injected", async () => {
    const patch = [{ op: "remove", path: "/spec/template/spec/containers/1" }] as const;
    const seen: unknown[] = [];
    const planUpdate: Planner["planUpdate"] = (...objects) => (seen.push(objects), { patch, warnings: ["note"] });
    const body = await answerTo(reviewOf(JOB, { operation: "UPDATE", oldObject: { old: true } }), { planUpdate });
    expect(body).toMatchObject({
      response: { allowed: true, warnings: ["note"], auditAnnotations: { outcome: "restored", reason: "re-applied" } },
    });
    expect(decodePatch({ status: 200, headers: {}, body })).toEqual(patch);
    expect(seen).toEqual([[{ old: true }, JOB]]);
  });

  test("passes if there's nothing to put back", async () => {
    expect(await answerTo(reviewOf(JOB, { operation: "UPDATE", oldObject: JOB }))).toEqual(
      reviewed({ allowed: true, auditAnnotations: { outcome: "passed", reason: "nothing-to-restore" } }),
    );
  });
});

describe("a CronJob", () => {
  test.each(["CREATE", "UPDATE"])("is never patched on %s, but gets warnings", async (operation) => {
    const review = reviewOf(JOB, { ...CRON_JOB_KIND, operation });
    expect(await answerTo(review, { planCronJob: () => ({ ...PATCHED, warnings: ["A guess."] }) })).toEqual(
      reviewed({ allowed: true, warnings: ["A guess."], auditAnnotations: { outcome: "checked", reason: "trap" } }),
    );
  });

  test("is refused if its Jobs would be", async () => {
    expect(await answerTo(reviewOf(JOB, CRON_JOB_KIND), { planCronJob: () => REFUSED })).toMatchObject({
      response: { allowed: false, status: { code: 422, message: "No." } },
    });
  });
});

describe("an opt-in by a namespace", () => {
  test.each([
    ["/mutate?timeout=5s", "own"],
    ["/mutate/namespace", "namespace"],
    ["/mutate/namespace?timeout=5s", "namespace"],
  ])("reaches the planner by the path: %s", async (path, expected) => {
    const seen: unknown[] = [];
    const see = (_: unknown, optIn?: unknown) => (seen.push(optIn), PATCHED);
    const planner = { planJob: see, planCronJob: see };
    await answerTo(reviewOf(JOB), planner, { path });
    await answerTo(reviewOf(JOB, CRON_JOB_KIND), planner, { path });
    expect(seen).toEqual([expected, expected]);
  });
});

describe("a Pod", () => {
  const late: LatePlan = {
    kind: "late",
    moved: ["proxy"],
    left: ["agent"],
    limits: [{ limit: "old-nodes", container: "agent" }],
    warnings: ["stays"],
    containers: [],
    patch: [{ op: "remove", path: "/spec/containers/1" }],
  };

  test("is patched if it opts in", async () => {
    const body = await answerTo(reviewOf(JOB, { kind: POD_KIND }));
    expect(body).toMatchObject({ response: { auditAnnotations: { outcome: "patched", reason: "trap" } } });
  });

  test("is patched if another webhook added containers", async () => {
    const body = await answerTo(reviewOf(JOB, { kind: POD_KIND }), { planPod: () => late });
    expect(body).toMatchObject({
      response: { warnings: ["stays"], auditAnnotations: { outcome: "patched", reason: "late-containers" } },
    });
    expect(decodePatch({ status: 200, headers: {}, body })).toEqual(late.patch);
  });

  test("is let through if what was added has to stay", async () => {
    const body = await answerTo(reviewOf(JOB, { kind: POD_KIND }), { planPod: () => ({ ...late, moved: [] }) });
    expect(body).toMatchObject({
      response: { allowed: true, auditAnnotations: { outcome: "left-alone", reason: "late-containers" } },
    });
  });

  test("gets back what was injected when it's updated", async () => {
    const planPodUpdate: Planner["planPodUpdate"] = () => ({ patch: late.patch, warnings: [] });
    const body = await answerTo(reviewOf(JOB, { kind: POD_KIND, operation: "UPDATE" }), { planPodUpdate });
    expect(body).toMatchObject({ response: { auditAnnotations: { outcome: "restored", reason: "re-applied" } } });
  });
});

describe("everything else passes untouched", () => {
  test.each([
    ["a Job that is deleted", { operation: "DELETE", object: null, oldObject: JOB }, "other-operation"],
    ["a Service", { kind: { group: "", version: "v1", kind: "Service" } }, "other-kind"],
    ["a subresource of a Pod", { kind: POD_KIND, operation: "UPDATE", subResource: "resize" }, "other-kind"],
    ["another group's Job", { kind: { group: "batch.volcano.sh", version: "v1", kind: "Job" } }, "other-kind"],
    ["a subresource of a Job", { operation: "UPDATE", subResource: "status" }, "other-kind"],
  ])("%s", async (_, request, reason) => {
    expect(await answerTo(reviewOf(JOB, request))).toEqual(
      reviewed({ allowed: true, auditAnnotations: { outcome: "passed", reason } }),
    );
  });
});

describe("a planner with a bug", () => {
  const broken = (): never => {
    throw new TypeError("x is undefined");
  };

  test("causes HTTP 500 with a Status that names the bug, so the failurePolicy decides, and the server carries on", async () => {
    admission = await startTestAdmission(fakePlanner({ planJob: broken }));
    const { status, body } = await admission.post(reviewOf(JOB));
    expect(status).toBe(500);
    expect(body).toMatchObject({
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      code: 500,
      reason: "InternalError",
    });
    expect((body as { message: string }).message).toMatch(/bug in Curfew \(TypeError: x is undefined\).*report/);
    expect(await admission.post(reviewOf(JOB, CRON_JOB_KIND))).toMatchObject({ status: 200 });
    expect(admission.logged).toContainEqual(
      expect.objectContaining({ level: "error", namespace: "ci", name: "build-1" }),
    );
  });
});
