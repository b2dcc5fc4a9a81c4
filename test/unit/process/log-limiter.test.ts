import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { limitLog } from "../../../src/process/log-limiter.ts";
import { createLogger } from "../../../src/process/log.ts";

/** A limited log, and the lines that it wrote. */
function limited(windowMs?: number) {
  const lines: { level: string; msg: string; others?: number; n?: number }[] = [];
  const log = createLogger("dispatch", "debug", { write: (line) => void lines.push(JSON.parse(line) as never) });
  return { ...limitLog(log, windowMs), lines };
}

test("the first line of a cause comes at once, and the others of its minute don't", () => {
  const { error, lines } = limited();
  for (let n = 0; n < 1500; n++) error("refused", { n }, "the Job was refused");
  expect(lines).toMatchObject([{ level: "error", n: 0, msg: "the Job was refused" }]);
  expect(lines[0]).not.toHaveProperty("others");
});

test("once the time is over, the last line comes with a count of those before it", async () => {
  const { warn, lines } = limited(20);
  for (let n = 0; n < 10; n++) warn("unavailable", { n }, "cannot create the Job now");
  await expect.poll(() => lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ level: "warn", n: 9, others: 8 });
});

test("causes don't hide each other, nor does a warning hide an error", () => {
  const { warn, error, lines } = limited();
  warn("refused: no shell", {}, "a");
  warn("refused: no image", {}, "b");
  error("refused: no image", {}, "c");
  expect(lines.map(({ msg }) => msg)).toEqual(["a", "b", "c"]);
});

test("a Job's name or a number in a message doesn't make another cause", () => {
  const { warn, lines } = limited();
  for (let used = 0; used < 100; used++)
    warn(`quota: jobs "buildkite-${randomUUID()}" is forbidden: exceeded quota, used: ${used}`, {}, "no room");
  expect(lines).toHaveLength(1);
});

test("a flood of different causes writes a bounded number of lines", () => {
  const { warn, lines } = limited();
  for (let n = 0; n < 10_000; n++) warn(String.fromCharCode(0x4e00 + n), {}, "a delivery was refused");
  expect(lines.length).toBeLessThanOrEqual(51);
});
