import { expect, test } from "vitest";
import type { KubeResponse } from "../../../src/kubernetes/client.ts";
import { Follower, KubeRefusedError, listWatchOf, type KubeObject } from "../../../src/kubernetes/list-watch.ts";
import { OutsideError } from "../../../src/process/errors.ts";

/** How to follow Pods at an API server that gives each request this answer. */
function answering(text: string, code = 200) {
  async function* stream(): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    yield new TextEncoder().encode(text);
  }
  const response: KubeResponse = { code, headers: {}, text: () => Promise.resolve(text), stream };
  const options = { path: "/api/v1/namespaces/builds/pods", what: "Pods in builds", query: {} };
  return listWatchOf({ request: () => Promise.resolve(response) }, options);
}

const { signal } = new AbortController();
const status = (code: number, message: string): string => JSON.stringify({ kind: "Status", code, message });

async function firstEvent(text: string): Promise<unknown> {
  for await (const event of await answering(text).watch("1", signal)) return event;
  return undefined;
}

test.each([401, 403, 404])("code %i is a refusal, in one line that says what was refused", async (code) => {
  const error = await answering(status(code, "no"), code)
    .list(() => undefined, signal)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KubeRefusedError);
  expect(error).toMatchObject({ code, message: `cannot list Pods in builds: ${code} no` });
});

test.each([410, 429, 500, 503])("code %i passes by itself, so it isn't a refusal", async (code) => {
  const error = await answering(status(code, "no"), code)
    .watch("1", signal)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OutsideError);
  expect(error).not.toBeInstanceOf(KubeRefusedError);
});

test("a watch that ends with an error says which, unless it's just too old", async () => {
  const ended = (code: number): string => `{"type":"ERROR","object":${status(code, "no")}}\n`;
  await expect(firstEvent(ended(403))).rejects.toThrow("cannot watch Pods in builds: 403 no");
  await expect(firstEvent(ended(500))).rejects.toThrow("cannot watch Pods in builds: 500 no");
  expect(await firstEvent(ended(410))).toMatchObject({ type: "ERROR" });
});

test.each([
  "<html>",
  "{}",
  "null",
  '{"metadata":{"resourceVersion":"1"},"items":[{}]}',
  '{"type":"ADDED","object":{}}',
])("%s instead of a list or an event is an error from outside, which doesn't quote it", async (text) => {
  for (const wrong of [answering(text).list(() => undefined, signal), firstEvent(`${text}\n`)]) {
    const error: unknown = await wrong.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OutsideError);
    expect(String(error)).not.toContain(text);
  }
});

test("what's known is up to date as long as a watch is open, and ages once lists fail", async () => {
  let watchEnds = Promise.withResolvers<never>();
  let isDown = false;
  async function* events(): AsyncGenerator<never> {
    yield await watchEnds.promise;
  }
  const down = new OutsideError("down");
  const source = {
    list: () => (isDown ? Promise.reject(down) : Promise.resolve("1")),
    watch: () => Promise.resolve(events()),
  };
  const sink = { put: () => undefined, delete: () => undefined, names: () => [] };
  const follower = new Follower<KubeObject>(source, sink, { onError: () => undefined, retryMs: 1 });
  expect(follower.staleMs).toBe(Infinity);
  const running = follower.run();
  await follower.untilSynced(5000);
  expect(follower.staleMs).toBe(0);
  isDown = true;
  watchEnds.reject(down);
  await expect.poll(() => follower.staleMs).toBeGreaterThan(0);
  isDown = false;
  watchEnds = Promise.withResolvers();
  await expect.poll(() => follower.staleMs).toBe(0);
  follower.stop();
  watchEnds.reject(down);
  await running;
});
