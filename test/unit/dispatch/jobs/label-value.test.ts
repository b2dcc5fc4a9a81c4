import fc from "fast-check";
import { expect, test } from "vitest";
import { toLabelValue } from "../../../../src/dispatch/jobs/label-value.ts";
import { law } from "../../../support/law.ts";

const VALID = /^(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;

test.each(["main", "v1.2_x-y", "A", "x".repeat(63)])("leaves %s as it is, as it's a valid value", (text) => {
  expect(toLabelValue(text)).toBe(text);
});

test("ends any other text's value with a hash of the text, so that it can be computed by hand", () => {
  // printf %s feature/x | sha256sum | cut -c1-16
  expect(toLabelValue("feature/x")).toBe("feature-x-217d2bf51f16e9dc");
  expect(toLabelValue("x".repeat(64))).toMatch(/^x{46}-[0-9a-f]{16}$/);
  expect(toLabelValue("---")).toMatch(/^[0-9a-f]{16}$/);
});

test("is undefined for no text at all", () => {
  expect(toLabelValue("")).toBeUndefined();
});

test.each([
  ["main", "!main"],
  ["main", "main/"],
  ["main", "-main"],
  ["a/b", "a.b"],
  ["a/b", "a-b"],
  ["x".repeat(63), "x".repeat(64)],
])("a branch can't get another's label: %s and %s differ", (one, other) => {
  expect(toLabelValue(one)).not.toBe(toLabelValue(other));
});

law(
  "nobody gets another's label by a name that looks encoded",
  fc.property(fc.string({ minLength: 1, maxLength: 100, unit: "grapheme" }), (text) => {
    const value = toLabelValue(text) ?? "";
    if (value !== text) expect(toLabelValue(value)).not.toBe(value);
  }),
);

law(
  "turns any text into a valid label value",
  fc.property(fc.string({ minLength: 1, maxLength: 200, unit: "grapheme" }), (text) => {
    expect(toLabelValue(text)).toMatch(VALID);
  }),
);
