import fc from "fast-check";
import { expect, test } from "vitest";
import { boundWarnings } from "../../../src/admission/warnings.ts";
import { law } from "../../support/law.ts";

/** Any UTF-16 code unit, including half a surrogate pair. */
const codeUnit = fc.oneof(fc.nat(0x7f), fc.nat(0xffff)).map((code) => String.fromCharCode(code));

law(
  "the API server drops or cuts no warning: no control characters, 256 characters each, 4,096 in total",
  fc.property(fc.array(fc.string({ unit: codeUnit, maxLength: 600 }), { maxLength: 40 }), (warnings) => {
    const bounded = boundWarnings(warnings);
    for (const warning of bounded) {
      expect(warning).not.toMatch(/\p{Cc}/u);
      expect(warning.isWellFormed()).toBe(true);
      expect(warning.length).toBeLessThanOrEqual(256);
    }
    expect(bounded.join("").length).toBeLessThanOrEqual(4096);
  }),
);

test("short warnings stay as they are", () => {
  expect(boundWarnings(["one", "two"])).toEqual(["one", "two"]);
});

test("a long warning is cut between characters, and shows it", () => {
  expect(boundWarnings([`${"x".repeat(254)}🙂🙂`])).toEqual([`${"x".repeat(254)}…`]);
});

test("if there are many warnings, the first are kept and the rest counted", () => {
  const bounded = boundWarnings(Array.from({ length: 20 }, (_, index) => `warning ${index}`));
  expect(bounded).toHaveLength(8);
  expect(bounded.at(-1)).toMatch(/^13 more warnings/);
});
