import { expect, test, type TestContext } from "vitest";
import { RateLimits } from "../../../../sim/buildkite/rate-limits.ts";
import { Pace, type PaceAnswer } from "../../../../src/dispatch/buildkite/pace.ts";
import { VirtualClock } from "../../../support/dispatch/virtual-clock.ts";
import { randomOf } from "../../../support/random.ts";

const MINUTE_MS = 60_000;
/** Longer than any pause here. */
const PATIENCE_MS = 100_000;

interface Traffic {
  sent: number;
  refused: number;
}

/**
 * So many replicas that call as often as their pace lets them, for so long, against the documented
 * limit of a listing times `factor`.
 */
async function trafficOf(context: TestContext, replicas: number, factor: number, ms: number): Promise<Traffic> {
  const clock = new VirtualClock(randomOf(context));
  const limits = new RateLimits(factor, clock.now);
  const traffic = { sent: 0, refused: 0 };
  const call = (): PaceAnswer => {
    const { headers, refusal } = limits.judge("stack", "list-scheduled-jobs");
    traffic.sent++;
    if (refusal) traffic.refused++;
    return {
      code: refusal ? 429 : 200,
      limit: Number(headers["ratelimit-limit"]),
      remaining: Number(headers["ratelimit-remaining"]),
      ...(refusal && { pauseMs: Number(headers["ratelimit-reset"]) * 1000 }),
    };
  };
  const replica = async (): Promise<void> => {
    const pace = new Pace(10, clock);
    await clock.sleep(clock.random() * 1000);
    while (clock.now() < ms) {
      expect(await pace.turn(PATIENCE_MS)).toBe(0);
      await clock.sleep(20 + clock.random() * 50); // on its way
      pace.learn(call());
    }
  };
  const all = Array.from({ length: replicas }, replica);
  await clock.run(2 * ms);
  await Promise.all(all);
  return traffic;
}

test.for([1, 2, 3, 5])(
  "%i replicas together use most of Buildkite's limit, and are hardly ever refused",
  async (replicas, context) => {
    const { sent, refused } = await trafficOf(context, replicas, 1, 5 * MINUTE_MS);
    expect(refused / sent).toBeLessThan(0.01);
    expect(sent / (5 * 60)).toBeGreaterThan(6);
  },
);

test("three replicas get most calls through if Buildkite allows a tenth of its rate", async (context) => {
  const { sent, refused } = await trafficOf(context, 3, 0.1, 60 * MINUTE_MS);
  expect(sent / 60).toBeGreaterThan(6);
  expect(refused / sent).toBeLessThan(0.25);
});

test("a pause that Buildkite asks for applies to all calls, and one that's too long is reported at once", async () => {
  const clock = new VirtualClock(() => 0.5);
  const pace = new Pace(10, clock);
  expect(await pace.turn(PATIENCE_MS)).toBe(0);
  pace.learn({ code: 429, pauseMs: 5000 });
  const turn = pace.turn(PATIENCE_MS);
  await clock.run(4999);
  expect(clock.now()).toBeLessThan(5000);
  await clock.run(MINUTE_MS);
  expect(await turn).toBe(0);
  expect(clock.now()).toBeGreaterThan(5000);
  pace.learn({ code: 503, pauseMs: 60_000 });
  expect(await pace.turn(10_000)).toBe(60_000);
});

test("one call after the other goes on its way, and none comes sooner because others wait", async () => {
  const clock = new VirtualClock(() => 0);
  const pace = new Pace(10, clock);
  const turns: number[] = [];
  const all = Array.from({ length: 4 }, () => pace.turn(0).then(() => turns.push(Math.round(clock.now()))));
  await clock.run(MINUTE_MS);
  await Promise.all(all);
  expect(turns).toEqual([0, 333, 667, 1000]);
});

test("the limit that answers have counts, and not the documented one", async () => {
  const clock = new VirtualClock(() => 0);
  const pace = new Pace(10, clock);
  await pace.turn(0);
  pace.learn({ code: 200, limit: 1000, remaining: 999 });
  const turn = pace.turn(0);
  await clock.run(10);
  expect(await turn).toBe(0);
});
