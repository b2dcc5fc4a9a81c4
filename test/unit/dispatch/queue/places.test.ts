import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { JobView } from "../../../../src/dispatch/jobs/job-mirror.ts";
import { Places, type KnownJobs } from "../../../../src/dispatch/queue/places.ts";
import { randomOf } from "../../../support/random.ts";

/** Later than any test ends. */
const LATER = performance.now() + 600_000;
const pending = { phase: "pending" } as JobView;

/** Jobs that never finish, and a watch that reports as many of them as a test wants. */
class World {
  readonly created: string[] = [];

  /** What one replica knows: what it created itself, and the first `seen` of all. */
  replica(): KnownJobs & { seen: number; own: Set<string>; readonly watch: (count: number) => void } {
    const { created } = this;
    const waiting = new Map<string, (reported: boolean) => void>();
    const replica = {
      seen: 0,
      own: new Set<string>(),
      synced: true,
      current: true,
      unfinished: () => new Set([...created.slice(0, replica.seen), ...replica.own]).size,
      view: (name: string) =>
        replica.own.has(name) || created.slice(0, replica.seen).includes(name) ? pending : undefined,
      untilReported: (name: string) =>
        new Promise<boolean>((resolve) => {
          if (created.slice(0, replica.seen).includes(name)) resolve(true);
          else waiting.set(name, resolve);
        }),
      watch(count: number) {
        replica.seen = Math.min(created.length, replica.seen + count);
        for (const name of created.slice(0, replica.seen)) waiting.get(name)?.(true);
      },
    };
    return replica;
  }
}

const created = { kind: "created" };

test("66 claims in one step get as many places as there are", () => {
  const places = new Places(10, new World().replica());
  const claims = Array.from({ length: 66 }, (_, index) => places.claim(`job-${index}`));
  expect(claims.filter((place) => place !== undefined)).toHaveLength(10);
  expect(places.room()).toBe(0);
  for (const place of claims) place?.release();
  for (const place of claims) place?.release();
  expect(places.room()).toBe(10);
});

test("without a limit, there's always room, and nobody waits for a turn", async () => {
  const places = new Places(undefined, new World().replica());
  const outcomes = Array.from(
    { length: 100 },
    async (_, index) => await places.claim(`job-${index}`)?.fill(0, () => Promise.resolve(created)),
  );
  expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => created));
});

test("as long as the Jobs aren't known, there's no room", () => {
  const places = new Places(10, { ...new World().replica(), synced: false });
  expect(places.room()).toBe(0);
  expect(places.claim("job")).toBeUndefined();
});

test("two deliveries of one job share a place", () => {
  const places = new Places(1, new World().replica());
  expect(places.claim("job")).toBeDefined();
  expect(places.claim("job")).toBeDefined();
  expect(places.claim("another")).toBeUndefined();
});

test("the next Job waits until the watch has reported the one before, or gives way at its deadline", async () => {
  const world = new World();
  const replica = world.replica();
  const places = new Places(10, replica);
  const create = (name: string, deadline: number) =>
    places.claim(name)?.fill(deadline, () => {
      world.created.push(name);
      replica.own.add(name);
      return Promise.resolve(created);
    });
  expect(await create("first", LATER)).toBe(created);
  expect(await create("hasty", performance.now() + 5)).toBe("at-capacity");
  const second = create("second", LATER);
  await nextTurn();
  expect(world.created).toEqual(["first"]);
  replica.watch(1);
  expect(await second).toBe(created);
});

test("a Job that may exist keeps its place until the watch reports it, and its own retry needs no other", async () => {
  const world = new World();
  const replica = world.replica();
  const places = new Places(1, replica);
  const lost = { kind: "unavailable", mayExist: true };
  expect(await places.claim("job")?.fill(LATER, () => Promise.resolve(lost))).toBe(lost);
  expect(places.room()).toBe(0);
  expect(places.claim("another")).toBeUndefined();
  const again = places.claim("job");
  expect(again).toBeDefined();
  again?.release();
  expect(places.claim("another")).toBeUndefined();
  world.created.push("job");
  replica.watch(1);
  await nextTurn();
  expect(places.room()).toBe(0); // it exists
});

test("a Job that surely wasn't created gives its place back", async () => {
  const places = new Places(1, new World().replica());
  const busy = { kind: "unavailable", mayExist: false };
  expect(await places.claim("job")?.fill(LATER, () => Promise.resolve(busy))).toBe(busy);
  expect(places.room()).toBe(1);
});

test("a creation that throws gives its place and its turn back", async () => {
  const places = new Places(1, new World().replica());
  await expect(places.claim("job")?.fill(LATER, () => Promise.reject(new Error("bug")))).rejects.toThrow("bug");
  expect(await places.claim("job")?.fill(LATER, () => Promise.resolve(created))).toBe(created);
});

test.for([
  [1, 0],
  [2, 1],
  [3, 2],
])("%i replicas exceed the limit by at most %i", async ([count = 0, excess = 0], context) => {
  const random = randomOf(context);
  for (let round = 0; round < 100; round++) {
    const world = new World();
    const replicas = Array.from({ length: count }, () => world.replica());
    let running = 0;
    for (const [index, replica] of replicas.entries()) {
      const places = new Places(5, replica);
      const creations = Array.from({ length: 20 }, async (_, job) => {
        const name = `${index}-${job}`;
        for (let wait = random() * 20; wait > 0; wait--) await nextTurn();
        await places.claim(name)?.fill(LATER, async () => {
          for (let wait = random() * 5; wait > 0; wait--) await nextTurn();
          world.created.push(name);
          for (let wait = random() * 5; wait > 0; wait--) await nextTurn();
          replica.own.add(name);
          return created;
        });
      });
      running++;
      void Promise.all(creations).then(() => running--);
    }
    while (running > 0) {
      await nextTurn();
      for (const replica of replicas) if (random() < 0.3) replica.watch(1);
    }
    expect(world.created.length).toBeGreaterThanOrEqual(5);
    expect(world.created.length).toBeLessThanOrEqual(5 + excess);
  }
});
