import fc from "fast-check";
import { expect, test } from "vitest";
import { boundWarnings } from "../../../src/admission/warnings.ts";
import { law } from "../../support/law.ts";

/** Any UTF-16 code unit, including half a surrogate pair. */
const codeUnit = fc.oneof(fc.nat(0x7f), fc.nat(0xffff)).map((code) => String.fromCharCode(code));

law(
  "the API server drops or cuts no warning: no control characters, 2,048 characters in all or 256 each",
  fc.property(fc.array(fc.string({ unit: codeUnit, maxLength: 600 }), { maxLength: 40 }), (warnings) => {
    const bounded = boundWarnings(warnings);
    for (const warning of bounded) {
      expect(warning).not.toMatch(/\p{Cc}/u);
      expect(warning.isWellFormed()).toBe(true);
    }
    const longest = Math.max(0, ...bounded.map(({ length }) => length));
    expect(bounded.join("").length <= 2_048 || longest <= 256).toBe(true);
    expect(bounded.length).toBeLessThanOrEqual(8);
  }),
);

test("short warnings stay as they are", () => {
  expect(boundWarnings(["one", "two"])).toEqual(["one", "two"]);
});

test("long warnings stay whole while there's room for all of them", () => {
  const long = ["x".repeat(1_500), "y".repeat(548)];
  expect(boundWarnings(long)).toEqual(long);
});

test("a long warning is cut between characters, and shows it, if there's no room for all", () => {
  expect(boundWarnings([`${"x".repeat(254)}🙂🙂`, "y".repeat(2_000)])).toEqual([
    `${"x".repeat(254)}…`,
    `${"y".repeat(255)}…`,
  ]);
});

test("if there are many warnings, the first are kept and the rest counted", () => {
  const bounded = boundWarnings(Array.from({ length: 20 }, (_, index) => `warning ${index}`));
  expect(bounded).toHaveLength(8);
  expect(bounded.at(-1)).toMatch(/^13 more warnings/);
});
