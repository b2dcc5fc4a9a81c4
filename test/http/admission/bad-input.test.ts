import { request as httpsRequest } from "node:https";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createPlanner } from "../../../src/planner/planner.ts";
import { reviewOf, startTestAdmission, type TestAdmission } from "../../support/admission/admission.ts";

/** With the real planner, since it gets every object whose envelope is valid. */
let admission: TestAdmission;
beforeAll(async () => {
  admission = await startTestAdmission(createPlanner({}));
});
afterAll(() => {
  admission.close();
});

/** No matter what was sent, the next request is served. */
afterEach(async () => {
  expect(await admission.post(reviewOf({ metadata: {}, spec: {} }))).toMatchObject({
    status: 200,
    body: { response: { allowed: true } },
  });
});

const ENABLED = { labels: { "curfew.sh/enabled": "true" } };

function jobWith(containers: readonly unknown[], metadata: object = ENABLED): unknown {
  return { apiVersion: "batch/v1", kind: "Job", metadata, spec: { template: { spec: { containers } } } };
}

describe("a request that isn't a review gets a Status in JSON that says what's wrong", () => {
  const review = reviewOf({});
  const cases: readonly (readonly [string, unknown, object, number, RegExp])[] = [
    ["nothing", "", {}, 400, /not JSON: it ends too soon/],
    ["HTML", "<html>", {}, 400, /not JSON/],
    ["truncated JSON", JSON.stringify(review).slice(0, -40), {}, 400, /not JSON: .*position/],
    ["invalid UTF-8", Buffer.from([0xff, 0xfe, 0x7b]), {}, 400, /not JSON/],
    ["two reviews in one body", JSON.stringify(review).repeat(2), {}, 400, /not JSON/],
    ["JSON that isn't an object", [review], {}, 400, /must be an AdmissionReview/],
    ["another kind", { ...review, kind: "ConversionReview" }, {}, 400, /must be an AdmissionReview/],
    ["v1beta1", { ...review, apiVersion: "admission.k8s.io/v1beta1" }, {}, 400, /admissionReviewVersions: \["v1"\]/],
    ["no request", { ...review, request: undefined }, {}, 400, /no request/],
    ["a missing uid", reviewOf({}, { uid: undefined }), {}, 400, /no uid/],
    ["an empty uid", reviewOf({}, { uid: "" }), {}, 400, /no uid/],
    ["a uid that isn't a string", reviewOf({}, { uid: 7 }), {}, 400, /no uid/],
    ["an unknown operation", reviewOf({}, { operation: "EXPLODE" }), {}, 400, /CREATE, UPDATE, DELETE, CONNECT/],
    ["another content type", review, { headers: { "content-type": "text/yaml" } }, 415, /application\/json/],
    ["no content type", review, { headers: {} }, 415, /application\/json/],
    ["another path", review, { path: "/" }, 404, /at \/mutate and/],
    ["a longer path", review, { path: "/mutate/jobs" }, 404, /at \/mutate and/],
    ["another method", review, { method: "PUT" }, 405, /POST/],
  ];
  test.each(cases)("%s", async (_, body, options, code, message) => {
    const answer = await admission.post(body, options);
    expect(answer.status).toBe(code);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.body).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", code });
    expect((answer.body as { message: string }).message).toMatch(message);
  });

  test("never quotes a body that can't be parsed", async () => {
    const { body } = await admission.post('{"password": hunter2}');
    expect(JSON.stringify(body)).not.toContain("hunter2");
  });

  test("says which method is allowed", async () => {
    expect((await admission.post("", { method: "DELETE" })).headers["allow"]).toBe("POST");
  });
});

describe("a body over 7 MiB gets 413", () => {
  test("with its length announced", async () => {
    const answer = await admission.post(Buffer.alloc(8 * 1024 * 1024, "x"));
    expect(answer).toMatchObject({ status: 413, body: { kind: "Status", reason: "RequestEntityTooLarge" } });
  });

  test("in chunks, as soon as it's too long", async () => {
    const status = await new Promise((resolve, reject) => {
      const request = httpsRequest({
        host: "127.0.0.1",
        port: admission.port,
        path: "/mutate",
        method: "POST",
        ca: admission.ca,
        headers: { "content-type": "application/json" },
      });
      request.on("error", reject);
      // The end is never sent.
      request.on("response", (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      for (let sent = 0; sent < 8; sent += 1) request.write(Buffer.alloc(1024 * 1024, "x"));
    });
    expect(status).toBe(413);
  });

  test("but one of exactly 7 MiB is parsed", async () => {
    const review = JSON.stringify(reviewOf({ metadata: {}, spec: {} }));
    const padded = review + " ".repeat(7 * 1024 * 1024 - review.length);
    expect(await admission.post(padded)).toMatchObject({ status: 200 });
    expect(await admission.post(`${padded} `)).toMatchObject({ status: 413 });
  });
});

describe("a review of a strange object is answered", () => {
  test.each([
    ["no object", undefined],
    ["null", null],
    ["a string", "Job"],
    ["a number", 5],
    ["a list", [jobWith([])]],
    ["no containers", jobWith([])],
    [
      "containers that aren't a list",
      { metadata: ENABLED, spec: { template: { spec: { containers: { length: 3 } } } } },
    ],
    ["a container that is null", jobWith([null, { name: "a", image: "b" }])],
    ["labels that are a list", jobWith([], { labels: ["curfew.sh/enabled"] })],
  ])("%s", async (_, object) => {
    for (const operation of ["CREATE", "UPDATE", "DELETE"]) {
      for (const kind of ["Job", "CronJob"]) {
        const review = reviewOf(object, {
          operation,
          oldObject: object,
          kind: { group: "batch", version: "v1", kind },
        });
        expect(await admission.post(review)).toMatchObject({ status: 200, body: { kind: "AdmissionReview" } });
      }
    }
  });

  test("100,000 containers", async () => {
    const containers = Array.from({ length: 100_000 }, (_, index) => ({
      name: `c${index}`,
      image: "a",
      command: ["b"],
    }));
    expect(await admission.post(reviewOf(jobWith(containers)))).toMatchObject({ status: 200 });
  });

  test.each([5_000, 100_000, 1_000_000])("lists nested %i deep", async (depth) => {
    const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`;
    for (const place of ['"env":', '"resources":', '"args":']) {
      const containers = `[{"name":"main","image":"a","command":["b"]},{"name":"side","image":"distroless/c",${place}${nested}}]`;
      const text = JSON.stringify(reviewOf(jobWith(["HERE"]))).replace('["HERE"]', () => containers);
      const { status } = await admission.post(text);
      expect(status).toBeLessThan(500);
    }
  });

  test("a Job can't change Object's prototype for later requests", async () => {
    const polluting = `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}`;
    const review = JSON.stringify(reviewOf(jobWith([{ name: "__proto__", image: "a" }, "HERE"])));
    const text = review.replace('"HERE"', polluting).replace('"labels":', `"__proto__":${polluting},"labels":`);
    expect(await admission.post(text)).toMatchObject({ status: 200 });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test.each([
    ["curfew.sh/main", "a,".repeat(50_000)],
    ["curfew.sh/main", "../../etc/passwd"],
    ["curfew.sh/strategy", "__proto__"],
    ["command.curfew.sh/side", "[".repeat(50_000)],
    ["command.curfew.sh/side", '["$(rm -rf /)", "`id`", "\\u0000"]'],
    ["shell.curfew.sh/side", "/bin/sh -c 'curl http://169.254.169.254/'"],
    ["grace-period-seconds.curfew.sh/side", "1e999"],
    ["curfew.sh/start-timeout-seconds", "-1"],
    ["command.curfew.sh/__proto__", "[]"],
  ])("a hostile annotation %s is refused, or does no harm", async (name, value) => {
    const containers = [
      { name: "main", image: "busybox", command: ["true"] },
      { name: "side", image: "busybox" },
    ];
    const { status, body } = await admission.post(
      reviewOf(jobWith(containers, { ...ENABLED, annotations: { [name]: value } })),
    );
    expect(status).toBe(200);
    // However long the value, the user gets a short message.
    expect(JSON.stringify(body).length).toBeLessThan(16_000);
  });
});
