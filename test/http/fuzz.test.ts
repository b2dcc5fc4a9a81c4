/** A few seconds of the fuzzer; `npm run bench -- fuzz` runs a million inputs. */
import { afterAll, expect, test } from "vitest";
import { PURE_TARGETS } from "../support/fuzz/pure-targets.ts";
import { serveAdmission, serveWebhooks } from "../support/fuzz/served-targets.ts";

const served = await Promise.all([serveAdmission(), serveWebhooks()]);
afterAll(async () => {
  await Promise.all(served.map(({ close }) => close()));
});

test.each([...PURE_TARGETS, ...served.flatMap(({ targets }) => targets)])("$name: do no harm", async ({ run }) => {
  const { harm } = await run({ inputs: 100_000, milliseconds: 400 });
  expect(harm ?? "none").toBe("none");
});
