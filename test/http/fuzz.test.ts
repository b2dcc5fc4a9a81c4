/** A few seconds of the fuzzer; `npm run soak -- fuzz` runs a million inputs. */
import { afterAll, expect, test } from "vitest";
import { PURE_TARGETS } from "../support/fuzz/pure-targets.ts";
import { serveAdmission, serveWebhooks } from "../support/fuzz/served-targets.ts";
import { seed } from "../support/random.ts";

const served = await Promise.all([serveAdmission(), serveWebhooks()]);
afterAll(async () => {
  await Promise.all(served.map(({ close }) => close()));
});

/** Counted, not timed, so each run sends the same inputs. */
const SHARE = 1 / 100;

const targets = [...PURE_TARGETS, ...served.flatMap((server) => server.targets)];
test.each(targets)("$name: do no harm", async ({ inputs, run }) => {
  const { harm } = await run({ inputs: Math.ceil(inputs * SHARE), seed });
  expect(harm ?? "none").toBe("none");
});
