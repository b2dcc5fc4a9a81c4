/** A few seconds of damaged reviews against the real planner: no crash, no HTTP 5xx, and every patch applies to what was sent. */
import fc from "fast-check";
import fastJsonPatch, { type Operation } from "fast-json-patch";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPlanner } from "../../src/admission/planner.ts";
import { decodePatch, reviewOf, startTestAdmission, type Answer, type TestAdmission } from "../support/admission.ts";

const OPTIONS = { numRuns: 100_000, interruptAfterTimeLimit: 2_000 } as const;

let admission: TestAdmission;
beforeAll(async () => {
  admission = await startTestAdmission(createPlanner({}));
});
afterAll(() => {
  admission.close();
});

const JOB = {
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "build-1", labels: { "curfew.sh/enabled": "true" }, annotations: { "curfew.sh/main": "agent" } },
  spec: {
    podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [42] } }] },
    template: {
      metadata: { annotations: {} },
      spec: {
        restartPolicy: "Never",
        volumes: [{ name: "tmp-pod", emptyDir: {} }],
        initContainers: [{ name: "init", image: "busybox", command: ["true"] }],
        containers: [
          { name: "agent", image: "buildkite/agent:3", args: ["start"], env: [{ name: "A.B", value: "c" }] },
          { name: "docker", image: "docker:27-dind", volumeMounts: [{ name: "tmp-pod", mountPath: "/x" }] },
          { name: "proxy", image: "cloud-sql-proxy:2", command: ["/cloud-sql-proxy"], livenessProbe: { exec: {} } },
        ],
      },
    },
  },
};

/** As JSON.parse would read it, so that no reference is shared between the parts. */
function copy(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}

async function injected(): Promise<unknown> {
  const answer = await admission.post(reviewOf(JOB));
  return fastJsonPatch.applyPatch(copy(JOB), decodePatch(answer) as Operation[]).newDocument;
}

function check({ status, body }: Answer): void {
  expect(status).toBeLessThan(500);
  expect(body).toHaveProperty("kind", status === 200 ? "AdmissionReview" : "Status");
}

/** Values that go in anywhere: of the right type and wrong, long, odd. */
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    "",
    "true",
    "agent",
    "docker",
    "Always",
    "Never",
    "/usr/share/pod",
    "-c",
    "curfew",
    "$(A)",
    "\0",
    "🙂",
  ),
  fc.constantFrom(null, -1, 0, 1e21, [], {}, [null], { name: null }, "x".repeat(10_000)),
);

/** Replaces, removes or adds something at a place that random numbers choose on the way down. */
function damage(root: unknown, way: readonly number[], replacement: unknown): void {
  let parent: unknown = root;
  for (const [depth, step] of way.entries()) {
    if (typeof parent !== "object" || parent === null) return;
    const holder = parent as Record<string, unknown>;
    const keys = Object.keys(holder);
    const key = keys[step % (keys.length + 1)] ?? (Array.isArray(holder) ? String(keys.length) : "extra");
    if (depth === way.length - 1 || typeof holder[key] !== "object" || holder[key] === null) {
      if (replacement === undefined) Reflect.deleteProperty(holder, key);
      else holder[key] = structuredClone(replacement);
      return;
    }
    parent = holder[key];
  }
}

const damages = fc.array(
  fc.tuple(fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }), fc.option(value, { nil: undefined })),
  { minLength: 1, maxLength: 4 },
);

test("a review with damaged values", async () => {
  const old = await injected();
  await fc.assert(
    fc.asyncProperty(damages, fc.constantFrom("CREATE", "UPDATE"), fc.boolean(), async (list, operation, wrapped) => {
      const review = copy(reviewOf(wrapped ? old : JOB, { operation, oldObject: old }));
      const { request } = review as { request: { object: unknown; oldObject: unknown } };
      for (const [index, [way, replacement]] of list.entries()) {
        damage([request.object, request.object, request.oldObject, request][index], way, replacement);
      }
      const answer = await admission.post(review);
      check(answer);
      if (answer.status !== 200 || !("patch" in (answer.body as { response: object }).response)) return;
      const sent = copy(review)["request"] as { object: object };
      fastJsonPatch.applyPatch(sent.object, decodePatch(answer) as Operation[], true);
    }),
    OPTIONS,
  );
});

test("a review with damaged bytes", async () => {
  const bytes = Buffer.from(JSON.stringify(reviewOf(JOB)));
  const edit = fc.tuple(fc.nat(bytes.length), fc.nat(20), fc.uint8Array({ maxLength: 10 }));
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      const damaged = edits.reduce<Uint8Array>(
        (before, [at, cut, put]) => Buffer.concat([before.subarray(0, at), put, before.subarray(at + cut)]),
        bytes,
      );
      check(await admission.post(damaged));
    }),
    OPTIONS,
  );
});

test("no review at all", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.json(), fc.uint8Array()), async (body) => {
      check(await admission.post(body));
    }),
    { ...OPTIONS, interruptAfterTimeLimit: 500 },
  );
});
