/**
 * The life of the certificates in a simulated cluster, and everything that can go wrong at each
 * step.
 */
import { describe, expect, test } from "vitest";
import type { Cluster, WriteOutcome } from "../../../certs/cluster.ts";
import type { Step } from "../../../certs/plan.ts";
import { Reconciler } from "../../../certs/reconcile.ts";
import { parseBundle } from "../../../certs/x509.ts";
import { DAY, DELAYS, HOST, installedSecret, MINUTE, nextKeys, reissued, World } from "../../support/certs/world.ts";

const LIFETIMES = { authorityMs: 30 * DAY, certificateMs: 6 * DAY };

interface Run {
  readonly steps: string[];
  readonly outcomes: WriteOutcome[];
  /** Why requests could have failed, and when. */
  readonly failures: string[];
}

function reconcilerOf(world: World, run: Run, cluster: Cluster = world, lifetimes = LIFETIMES): Reconciler {
  return new Reconciler({
    cluster,
    delays: DELAYS,
    lifetimes,
    keys: nextKeys,
    now: world.now,
    monotonic: world.monotonic,
    onStep: (step: Step, outcome) => {
      run.steps.push(step.kind);
      run.outcomes.push(outcome);
    },
  });
}

/**
 * Runs rounds as `curfew certs` does: after each wait, and at least every `poll` milliseconds.
 * Notes the failures before and after each wait and in the middle of it.
 */
async function live(
  world: World,
  reconcilers: readonly Reconciler[],
  run: Run,
  lasts: number,
  poll = 6 * 60 * MINUTE,
): Promise<void> {
  for (const end = world.elapsed + lasts; world.elapsed < end;) {
    let wait = poll;
    for (const reconciler of reconcilers) {
      const { plan } = await reconciler.round();
      wait = Math.min(wait, Math.max(plan.ms, 1_000));
    }
    for (const moment of [0, 1, wait / 2, wait]) {
      const before = world.elapsed;
      world.elapsed += moment;
      run.failures.push(...world.failures().map((failure) => `${world.elapsed}: ${failure}`));
      world.elapsed = before;
    }
    world.elapsed += wait;
  }
}

const emptyRun = (): Run => ({ steps: [], outcomes: [], failures: [] });

/** Everything in place, with an authority of some age and a fresh certificate. */
function installed(authorityAge = 0): World {
  const world = new World();
  const made = installedSecret(new Date(world.now().getTime() - authorityAge), [HOST], LIFETIMES);
  world.secret = reissued(made, [HOST], { now: world.now(), lifetimes: LIFETIMES, keys: nextKeys() });
  world.webhooks = world.webhooks.map((hook) => ({ ...hook, caBundle: parseBundle(made.bundle) }));
  return world;
}

test("a first installation takes three steps and waits for nothing", async () => {
  const [world, run] = [new World(), emptyRun()];
  await reconcilerOf(world, run).round();
  expect(run.steps).toEqual(["create-authority", "publish", "issue-certificate"]);
  world.elapsed += 2 * MINUTE;
  expect(world.failures()).toEqual([]);
});

test("seventy days of renewals, with three authorities, fail no request", async () => {
  const [world, run] = [installed(), emptyRun()];
  await live(world, [reconcilerOf(world, run)], run, 70 * DAY);
  expect(run.failures).toEqual([]);
  expect(run.steps.filter((step) => step === "create-authority")).toHaveLength(3);
  expect(run.steps.filter((step) => step === "issue-certificate").length).toBeGreaterThan(14);
  expect(world.webhooks[0]?.caBundle).toHaveLength(1);
});

test("certificates that would outlive their authority are renewed together with it, and not endlessly", async () => {
  const [world, run] = [new World(), emptyRun()];
  const reconciler = reconcilerOf(world, run, world, { authorityMs: 10 * DAY, certificateMs: 365 * DAY });
  await reconciler.round();
  world.elapsed += 2 * MINUTE;
  await live(world, [reconciler], run, 30 * DAY);
  expect(run.failures).toEqual([]);
  const count = (kind: Step["kind"]): number => run.steps.filter((step) => step === kind).length;
  expect([count("create-authority"), count("issue-certificate")]).toEqual([5, 5]);
});

describe.each(["before", "after"] as const)("a crash just %s a write", (crash) => {
  // Authority, publish, certificate, retire, publish: the writes of a rotation.
  test.each([1, 2, 3, 4, 5])(
    "of step %i of a rotation fails no request, and the next process carries on from there",
    async (at) => {
      const [world, run] = [installed(), emptyRun()];
      await live(world, [reconcilerOf(world, run)], run, 19.9 * DAY);
      const rotation = emptyRun();
      let crashes = 0;
      const cluster: Cluster = {
        observe: () => world.observe(),
        presented: () => world.presented(),
        writeSecret: (...write) => world.writeSecret(...arm(write)),
        publish: (...write) => world.publish(...arm(write)),
      };
      let writes = 0;
      function arm<T>(write: T): T {
        writes += 1;
        if (writes === at) world.crash = crash;
        return write;
      }
      while (crashes === 0) {
        try {
          await live(world, [reconcilerOf(world, rotation, cluster)], rotation, DAY);
        } catch {
          crashes += 1;
        }
      }
      await live(world, [reconcilerOf(world, rotation)], rotation, 2 * DAY);
      expect(rotation.failures).toEqual([]);
      expect(parseBundle(world.secret?.bundle ?? "")).toHaveLength(1);
      expect(world.webhooks.map(({ caBundle }) => caBundle.length)).toEqual([1, 1, 1]);
    },
  );
});

test("two processes at once do no harm, whichever reads first", async () => {
  const [world, run] = [installed(), emptyRun()];
  // Both read before either writes, so every write of the slower one is a conflict.
  const late: Cluster = {
    observe: async () => {
      const seen = await world.observe();
      await faster.round();
      return seen;
    },
    presented: () => world.presented(),
    writeSecret: (...write) => world.writeSecret(...write),
    publish: (...write) => world.publish(...write),
  };
  const faster = reconcilerOf(world, run);
  await live(world, [reconcilerOf(world, run, late)], run, 25 * DAY);
  expect(run.failures).toEqual([]);
  expect(run.outcomes).toContain("conflict");
  expect(run.steps.filter((step) => step === "create-authority").length).toBeGreaterThanOrEqual(1);
});

describe("trouble", () => {
  test.each<[string, (world: World) => void]>([
    [
      "the Secret is deleted",
      (world) => {
        world.setSecret(undefined);
      },
    ],
    [
      "the Secret is emptied",
      (world) => {
        world.setSecret({ bundle: "", authorityKey: "", cert: "", key: "" });
      },
    ],
    [
      "the authority's key is lost",
      (world) => {
        if (world.secret) world.setSecret({ ...world.secret, authorityKey: "" });
      },
    ],
    [
      "the clock of curfew certs jumps five days ahead",
      (world) => {
        world.clockOffset = 5 * DAY;
      },
    ],
    [
      "the clock of curfew certs jumps a day back",
      (world) => {
        world.clockOffset = -DAY;
      },
    ],
    [
      "a stranger's authority is added to a caBundle",
      (world) => {
        const strangers = parseBundle(installedSecret(world.now()).bundle);
        world.setWebhooks(world.webhooks.map((hook) => ({ ...hook, caBundle: [...hook.caBundle, ...strangers] })));
      },
    ],
  ])("fails no request: %s", async (_, strike) => {
    const [world, run] = [installed(), emptyRun()];
    const reconciler = reconcilerOf(world, run);
    await live(world, [reconciler], run, 5 * DAY);
    strike(world);
    await live(world, [reconciler], run, 5 * DAY, 2 * 60 * MINUTE);
    world.clockOffset = 0;
    await live(world, [reconciler], run, 25 * DAY, DAY);
    expect(run.failures).toEqual([]);
    expect(world.webhooks.map(({ caBundle }) => caBundle.length)).toEqual([1, 1, 1]);
  });

  test.each<[string, (world: World) => void]>([
    [
      "caBundle is wiped",
      (world) => {
        world.setWebhooks(world.webhooks.map((hook) => ({ ...hook, caBundle: [] })));
      },
    ],
    [
      "the Service is renamed",
      (world) => {
        world.setWebhooks(world.webhooks.map((hook) => ({ ...hook, host: "renamed.curfew-system.svc" })));
      },
    ],
    [
      "Secret and caBundle are gone at once",
      (world) => {
        world.setSecret(undefined);
        world.setWebhooks(world.webhooks.map((hook) => ({ ...hook, caBundle: [] })));
      },
    ],
  ])("is repaired in one round: %s", async (_, strike) => {
    const [world, run] = [installed(), emptyRun()];
    const reconciler = reconcilerOf(world, run);
    await live(world, [reconciler], run, DAY);
    strike(world);
    await reconciler.round();
    // Until then, kubelets and API servers may still use what was there before the repair.
    world.elapsed += 2 * MINUTE;
    expect(world.failures()).toEqual([]);
  });
});

test("damage by a clock that is years ahead is repaired once the clock is right again", async () => {
  const [world, run] = [installed(), emptyRun()];
  const reconciler = reconcilerOf(world, run);
  world.clockOffset = 1000 * DAY;
  await live(world, [reconciler], run, DAY);
  expect(world.failures()).not.toEqual([]);
  world.clockOffset = 0;
  await live(world, [reconciler], run, 3 * MINUTE);
  expect(world.failures()).toEqual([]);
});

test("if somebody undoes every step, it gives up with an error", async () => {
  const [world, run] = [installed(), emptyRun()];
  const undoing: Cluster = {
    observe: () => world.observe(),
    presented: () => world.presented(),
    writeSecret: () => Promise.resolve("written"),
    publish: () => Promise.resolve("written"),
  };
  world.setSecret(undefined);
  await expect(reconcilerOf(world, run, undoing).round()).rejects.toThrow(/something else keeps changing/);
});
