import { expect, test } from "vitest";
import { nearest } from "../../../src/injection/nearest.ts";

test.each([
  ["curfew.sh/mian", ["curfew.sh/main", "curfew.sh/ignore"], "curfew.sh/main"],
  ["cloudsql-proxy", ["cloud-sql-proxy", "migrate"], "cloud-sql-proxy"],
  ["tarp", ["auto", "trap", "native"], "trap"],
  ["worker", ["migrate", "proxy"], undefined],
  ["db", ["app", "ui"], undefined],
  ["x".repeat(5_000), ["x".repeat(4_999)], undefined],
  ["anything", [], undefined],
])("%s, among %j, was meant to be %s", (written, candidates, expected) => {
  expect(nearest(written, candidates)).toBe(expected);
});
