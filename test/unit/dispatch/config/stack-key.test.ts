import fc from "fast-check";
import { expect, test } from "vitest";
import { stackKeyOf } from "../../../../src/dispatch/config/stack-key.ts";
import { law } from "../../../support/law.ts";

test("is KEY-QUEUE for a queue as Buildkite's clusters name them", () => {
  expect(stackKeyOf("curfew", "linux_large-2")).toBe("curfew-linux_large-2");
});

test("differs for a/b, a.b and a-b", () => {
  const keys = ["a/b", "a.b", "a-b"].map((name) => stackKeyOf("curfew", name));
  expect(keys).toEqual([
    expect.stringMatching(/^curfew-a-b-[0-9a-f]{16}$/),
    expect.stringMatching(/^curfew-a-b-[0-9a-f]{16}$/),
    "curfew-a-b",
  ]);
  expect(new Set(keys).size).toBe(3);
});

law(
  "is always a key that Buildkite takes, and another for each queue",
  fc.property(
    fc.stringMatching(/^[a-z0-9][-a-z0-9]{0,61}[a-z0-9]$/),
    fc.uniqueArray(fc.string({ minLength: 1, maxLength: 100, unit: "grapheme" }), { minLength: 2, maxLength: 2 }),
    (key, names) => {
      const keys = names.map((name) => stackKeyOf(key, name));
      for (const one of keys) expect(one).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
      expect(new Set(keys).size).toBe(2);
    },
  ),
);
