/**
 * Targets within this process: everything between the incoming and the outgoing bytes, without a
 * network.
 */
import fc from "fast-check";
import type { Operation } from "fast-json-patch";
import { parseReview } from "../../../src/admission/admission-review.ts";
import { createPlanner } from "../../../src/planner/planner.ts";
import { respond } from "../../../src/admission/respond.ts";
import { review } from "../../../src/admission/review.ts";
import { parseEvent } from "../../../src/dispatch/buildkite/event.ts";
import { planAgentJob } from "../../../src/dispatch/jobs/plan-agent-job.ts";
import { routeDelivery } from "../../../src/dispatch/queue/route.ts";
import { checkAuthenticity } from "../../../src/dispatch/buildkite/signature.ts";
import type { PatchOperation } from "../../../src/injection/plan.ts";
import { explain } from "../../../src/offline/explain.ts";
import { inject } from "../../../src/offline/inject.ts";
import { manifestsOf, parseManifests, type ManifestFile } from "../../../src/offline/manifests.ts";
import { planManifest } from "../../../src/offline/plan-manifests.ts";
import { text } from "../injection/arbitrary-container.ts";
import { SECRET, testConfig } from "../dispatch/config.ts";
import { signatureOf } from "../../../sim/buildkite/webhook.ts";
import { applied } from "../injection/json-patch.ts";
import { asJson, DELIVERIES, isObject, JOBS, MANIFESTS, REVIEWS } from "./corpus.ts";
import { damagedBytes, damagedJson } from "./damage.ts";
import { problemsOf } from "./problems.ts";
import { hold, target } from "./target.ts";

const planner = createPlanner({});

/** What wrapping one container adds: script, settings and mount, as base64. */
const BYTES_PER_CONTAINER = 12_000;

function checkReview(sent: unknown): void {
  const text = JSON.stringify(sent);
  const parsed = parseReview(JSON.parse(text));
  if (parsed.kind === "invalid") return;
  const { request } = parsed;
  const answer = respond(request.uid, review(request, "own", planner));
  hold(/^[\x20-\x7e]*$/.test(answer), "an answer that isn't ASCII");
  hold(
    answer.length <= 8 * text.length + BYTES_PER_CONTAINER * (containersIn(request.object) + 2),
    `an answer of ${answer.length} bytes to a review of ${text.length}`,
  );
  const { response } = JSON.parse(answer) as { response: Response };
  hold(response.uid === request.uid, "an answer with another uid");
  hold(response.allowed || (response.status?.message.length ?? 0) > 20, "a refusal that doesn't say why");
  if (response.patch === undefined) return;
  hold(response.allowed && response.patchType === "JSONPatch", "a patch for a refused object");
  const patch = JSON.parse(Buffer.from(response.patch, "base64").toString()) as Operation[];
  const result = applied(request.object, patch as unknown as readonly PatchOperation[]);
  // What an update puts back was stored, so it has no problems, unless the fuzzer has damaged that,
  // too.
  const before = new Set([...problemsOf(request.object), ...problemsOf(request.oldObject)]);
  for (const problem of problemsOf(result)) hold(before.has(problem), `the patch causes a problem: ${problem}`);
  if (request.operation !== "CREATE") return;
  const again = planner.planJob(asJson(result));
  hold(again.kind === "leave" && again.patch.length === 0, `a second pass: ${again.kind}`);
}

interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly message: string };
  readonly patchType?: string;
  readonly patch?: string;
}

function containersIn(object: unknown): number {
  const { spec } = (isObject(object) ? object : {}) as { spec?: { template?: { spec?: { containers?: unknown } } } };
  const containers = spec?.template?.spec?.containers;
  return Array.isArray(containers) ? containers.length : 0;
}

const annotationKey = fc.oneof(
  fc.constantFrom(
    "curfew.sh/main",
    "curfew.sh/ignore",
    "curfew.sh/strategy",
    "curfew.sh/start-timeout-seconds",
    "curfew.sh/injected",
  ),
  fc
    .tuple(
      fc.constantFrom("command", "shell", "grace-period-seconds", "x"),
      fc.constantFrom("main", "agent", "docker", "tests", "dind", "a", "__proto__", "", "x/y"),
    )
    .map(([setting, container]) => `${setting}.curfew.sh/${container}`),
  fc.constantFrom("kubectl.kubernetes.io/default-container", "__proto__", "constructor"),
);
const annotationValue = fc.oneof(
  text,
  fc.json({ maxDepth: 2 }),
  fc.array(text, { maxLength: 3 }).map((words) => JSON.stringify(words)),
  fc
    .array(fc.constantFrom("main", "agent", "docker", "tests", "dind", "nobody", " ", ""), { maxLength: 4 })
    .map(String),
  fc.constantFrom(
    "trap",
    "native",
    "auto",
    "none",
    "0",
    "9",
    "1e9",
    "-1",
    "99999999999",
    "/bin/sh",
    "/../sh",
    "[".repeat(5_000),
    ",".repeat(5_000),
  ),
);

function annotated([index, annotations, onTemplate]: readonly [number, object, object]): unknown {
  const job = asJson(JOBS[index]) as { metadata: object; spec?: { template?: unknown } };
  Object.assign(job.metadata, { annotations });
  if (isObject(job.spec?.template)) job.spec.template["metadata"] = { annotations: onTemplate };
  return {
    ...(asJson(REVIEWS[0]) as object),
    request: { uid: "a", operation: "CREATE", kind: { group: "batch", version: "v1", kind: "Job" }, object: job },
  };
}

function checkManifest(bytes: Uint8Array): void {
  const file = parsed(Buffer.from(bytes).toString("utf8"));
  if (file === undefined) return;
  for (const manifest of manifestsOf(file)) planManifest(manifest, planner, { unlabelled: "plan" }).map(explain);
  const first = inject([file], planner);
  if (first.kind === "refused") {
    hold(
      first.refusals.every((refusal) => refusal.length < 20_000),
      "an endless refusal",
    );
    return;
  }
  const again = parsed(first.output);
  if (again === undefined) throw new Error("the injected text is no longer a manifest");
  const second = inject([again], planner);
  hold(second.kind === "injected" && second.output === first.output, "injecting a second time changes something");
}

function parsed(text: string): ManifestFile | undefined {
  const result = parseManifests("fuzz.yaml", text);
  if (result.kind === "parsed") return result.file;
  hold(result.problems.length > 0, "a malformed file without a problem");
  return undefined;
}

const config = testConfig();
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;

function checkDelivery([header, body]: readonly [string | undefined, unknown]): void {
  const event = parseEvent(header, body);
  if (event.kind === "malformed") hold(event.fields.length > 0, "a malformed delivery that names no field");
  if (event.kind !== "scheduled") return;
  const route = routeDelivery(config, event.buildkiteJob, event.origin);
  if (route.kind !== "queue") return;
  const { metadata } = planAgentJob({ ...route, buildkiteJob: event.buildkiteJob, attempt: 1 });
  hold(/^buildkite-[0-9a-f-]{36}$/.test(metadata.name), `a Job named ${metadata.name}`);
  for (const value of Object.values(metadata.labels)) hold(LABEL_VALUE.test(value), `a label ${value}`);
  hold(JSON.stringify(metadata).length < 10_000, "endless metadata");
}

const NOW = Date.UTC(2026, 0, 1);
const BODY = Buffer.from('{"event":"ping"}');
const genuine = signatureOf(SECRET, NOW / 1000, BODY);
const signatures = fc.oneof(
  damagedBytes([
    genuine,
    genuine.toUpperCase(),
    ` ${genuine}`,
    signatureOf("guess", NOW / 1000, BODY),
    signatureOf(SECRET, 1, BODY),
  ]).map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.string({ unit: "binary" }),
);

function checkSignature(signature: string): void {
  const verdict = checkAuthenticity(
    { method: "signature", secrets: [SECRET] },
    { signature, token: undefined },
    BODY,
    NOW,
  );
  // Whatever else is in the header, both parts must be the genuine ones.
  const isGenuine = genuine
    .split(",")
    .map((part) => new RegExp(`(?:^|,)\\s*${part.replace("=", "\\s*=\\s*")}\\s*(?:,|$)`, "i"))
    .every((part) => part.test(signature));
  hold(verdict.kind === "rejected" || isGenuine, "a forged signature is accepted");
}

export const PURE_TARGETS = [
  target("reviews, their values damaged", 350_000, damagedJson(REVIEWS), checkReview),
  target(
    "annotations",
    250_000,
    fc
      .tuple(
        fc.nat(JOBS.length - 1),
        fc.dictionary(annotationKey, annotationValue, { maxKeys: 4 }),
        fc.dictionary(annotationKey, annotationValue, { maxKeys: 2 }),
      )
      .map(annotated),
    checkReview,
  ),
  target("manifests, their bytes damaged", 20_000, damagedBytes(MANIFESTS), checkManifest),
  target(
    "Buildkite's webhooks, their values damaged",
    200_000,
    fc.tuple(
      fc.option(fc.constantFrom("job.scheduled", "job.finished", "ping", "x"), { nil: undefined }),
      damagedJson(DELIVERIES),
    ),
    checkDelivery,
  ),
  target("signatures", 200_000, signatures, checkSignature),
];
