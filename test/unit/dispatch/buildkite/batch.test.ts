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
