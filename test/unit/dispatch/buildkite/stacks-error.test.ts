import { expect, test } from "vitest";
import { saidIn, StacksError } from "../../../../src/dispatch/buildkite/stacks-error.ts";

test("says what Buildkite itself says", () => {
  const error = new StacksError("POST /stacks/register", 422, { message: saidIn({ message: "key is too long" }) });
  expect(error.message).toBe("Buildkite's Stacks API: POST /stacks/register: HTTP 422: key is too long");
  expect(new StacksError("GET /x", 0).message).toBe("Buildkite's Stacks API: GET /x: no answer");
});

test.each([
  ["a message of several lines", { message: "one\r\ntwo\u2028three\u0007\t" }, "one two three"],
  ["a long message", { message: "x".repeat(1000) }, "x".repeat(300)],
  ["an empty message", { message: " \n " }, undefined],
  ["no message", {}, undefined],
  ["a message that isn't text", { message: { nested: true } }, undefined],
  ["no JSON", undefined, undefined],
  ["JSON that isn't an object", "busy", undefined],
  ["null", null, undefined],
])("reads %s so that it fits into a line of the log", (_what, body, said) => {
  expect(saidIn(body)).toBe(said);
});

test.each([
  [0, true],
  [429, true],
  [503, true],
  [400, false],
  [401, false],
  [404, false],
  [422, false],
])("a call that failed with %i can succeed later: %s", (code, mayPass) => {
  expect(new StacksError("GET /x", code).mayPass).toBe(mayPass);
});
