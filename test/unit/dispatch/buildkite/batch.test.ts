import { expect, test } from "vitest";
import { Batch } from "../../../../src/dispatch/buildkite/batch.ts";

test("sends the first request at once and collects the others, and each gets its own answer", async () => {
  const calls: (readonly string[])[] = [];
  const batch = new Batch<string>(30, (ids) => {
    calls.push(ids);
    return Promise.resolve(new Map(ids.filter((id) => id !== "d").map((id) => [id, id.toUpperCase()])));
  });
  const first = batch.ask("a");
  await first;
  expect(calls).toEqual([["a"]]);
  const answers = await Promise.all([first, batch.ask("b"), batch.ask("c"), batch.ask("b"), batch.ask("d")]);
  expect(answers).toEqual(["A", "B", "C", "B", undefined]);
  expect(calls).toEqual([["a"], ["b", "c", "d"]]);
});

test("fails everyone who asked if the call fails, but nobody who asks afterwards", async () => {
  let fails = true;
  const batch = new Batch<number>(1, () =>
    fails ? Promise.reject(new Error("busy")) : Promise.resolve(new Map([["a", 1]])),
  );
  await expect(Promise.all([batch.ask("a"), batch.ask("b")])).rejects.toThrow("busy");
  fails = false;
  expect(await batch.ask("a")).toBe(1);
});

test("while three calls are unanswered, the others gather for the next one", async () => {
  const calls: string[][] = [];
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<undefined>());
  const batch = new Batch<true>(0, async (ids) => {
    calls.push([...ids]);
    await gates[calls.length - 1]?.promise;
    return new Map(ids.map((id) => [id, true as const]));
  });
  const asked: Promise<true | undefined>[] = [];
  for (const id of ["a", "b", "c"]) {
    asked.push(batch.ask(id));
    await expect.poll(() => calls.length).toBe(asked.length);
  }
  asked.push(batch.ask("d"), batch.ask("e"));
  gates[0]?.resolve(undefined);
  await expect.poll(() => calls).toEqual([["a"], ["b"], ["c"], ["d", "e"]]);
  for (const { resolve } of gates) resolve(undefined);
  expect(await Promise.all(asked)).toEqual([true, true, true, true, true]);
});

test("a call has a thousand jobs at most", async () => {
  const sizes: number[] = [];
  const batch = new Batch<true>(0, (ids) => {
    sizes.push(ids.length);
    return Promise.resolve(new Map(ids.map((id) => [id, true as const])));
  });
  await Promise.all(Array.from({ length: 2500 }, (_, index) => batch.ask(`job-${index}`)));
  expect(sizes).toEqual([1000, 1000, 500]);
});
