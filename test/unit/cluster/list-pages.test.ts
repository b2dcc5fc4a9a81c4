import { describe, expect, it } from "vitest";
import { listPages } from "../../../src/cluster/scan/list-pages.ts";
import type { KubeRequest, KubeResponse } from "../../../src/kubernetes/client.ts";

interface Answer {
  readonly code?: number;
  readonly headers?: KubeResponse["headers"];
  readonly body: unknown;
}

/** A client that gives these answers, one after the other. */
function clientWith(answers: readonly Answer[]) {
  const asked: URLSearchParams[] = [];
  const waits: number[] = [];
  const client = {
    request({ path }: KubeRequest): Promise<KubeResponse> {
      const { code = 200, headers = {}, body } = answers[asked.length] ?? { body: null };
      asked.push(new URL(path, "http://api").searchParams);
      return Promise.resolve({
        code,
        headers,
        text: () => Promise.resolve(typeof body === "string" ? body : JSON.stringify(body)),
        stream: () => {
          throw new Error("not streamed");
        },
      });
    },
  };
  const items: unknown[] = [];
  const wait = (ms: number): Promise<void> => {
    waits.push(ms);
    return Promise.resolve();
  };
  const list = () =>
    listPages(
      client,
      { path: "/api/v1/pods", what: "Pods", query: { fieldSelector: "a!=b" }, timeoutMs: 1000, wait },
      (page) => items.push(...page),
    );
  return { list, asked, items, waits };
}

const page = (items: readonly unknown[], token?: string) => ({ body: { metadata: { continue: token }, items } });

describe("a list by pages", () => {
  it("that's refused says so on one line, which can't steer the terminal", async () => {
    const { list } = clientWith([{ code: 502, body: "<html>\n\u001b[2Jbad gateway\n</html>" }]);
    await expect(list()).rejects.toThrow(/^cannot list Pods: 502 <html> \\u001b\[2Jbad gateway <\/html>$/);
  });

  it("asks for one page after the other, without a resource version", async () => {
    const { list, asked, items } = clientWith([page([1, 2], "next"), page([3])]);
    await list();
    expect(items).toEqual([1, 2, 3]);
    expect(asked.map(String)).toEqual([
      "fieldSelector=a%21%3Db&limit=100",
      "fieldSelector=a%21%3Db&limit=100&continue=next",
    ]);
  });

  it("goes on with the token that comes with 410 if its own has expired", async () => {
    const gone = { code: 410, body: { kind: "Status", message: "too old", metadata: { continue: "fresh" } } };
    const { list, asked, items } = clientWith([page([1], "stale"), gone, page([2])]);
    await list();
    expect(items).toEqual([1, 2]);
    expect(asked.map((query) => query.get("continue"))).toEqual([null, "stale", "fresh"]);
  });

  it("starts again if 410 comes without a token", async () => {
    const gone = { code: 410, body: { kind: "Status", message: "too old", metadata: {} } };
    const { list, asked } = clientWith([page([1], "stale"), gone, page([1, 2])]);
    await list();
    expect(asked.map((query) => query.get("continue"))).toEqual([null, "stale", null]);
  });

  it("waits as long as a busy API server asks for, and asks again", async () => {
    const busy = { code: 429, headers: { "retry-after": "3" }, body: "too many requests" };
    const { list, items, waits } = clientWith([busy, { ...busy, headers: {} }, page([1])]);
    await list();
    expect(items).toEqual([1]);
    expect(waits).toEqual([3000, 1000]);
  });

  it("gives up if the API server stays busy", async () => {
    const busy = { code: 429, headers: { "retry-after": "1" }, body: { message: "too many requests" } };
    const { list } = clientWith(Array.from({ length: 20 }, () => busy));
    await expect(list()).rejects.toThrow("cannot list Pods: 429 too many requests");
  });

  it("fails with what the API server says if it's forbidden", async () => {
    const { list } = clientWith([{ code: 403, body: { kind: "Status", message: "pods is forbidden" } }]);
    await expect(list()).rejects.toMatchObject({ code: 403, message: "cannot list Pods: 403 pods is forbidden" });
  });

  it("says so if a proxy answers", async () => {
    await expect(clientWith([{ body: "<html>" }]).list()).rejects.toThrow("isn't JSON");
    await expect(clientWith([{ body: {} }]).list()).rejects.toThrow("isn't a list");
  });
});
