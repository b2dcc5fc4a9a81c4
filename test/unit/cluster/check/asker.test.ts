import { describe, expect, it } from "vitest";
import { createAsker } from "../../../../src/cluster/check/asker.ts";
import type { KubeClient, KubeRequest } from "../../../../src/kubernetes/client.ts";

const answering = (answer: string, code = 200) => {
  const request = ({ path }: Pick<KubeRequest, "path">) =>
    Promise.resolve({ code, headers: {}, path, text: () => Promise.resolve(answer) });
  return createAsker({ request } as unknown as KubeClient, () => 1000);
};

it.each(["<html>Please log in</html>", "null", '"x"', ""])(
  "an answer that isn't the API server's, such as %j, is a value, not a crash",
  async (answer) => {
    const unknown = { kind: "unknown", why: expect.stringContaining("is there a proxy in between?") as string };
    const asker = answering(answer);
    expect(await asker.get("/x", "get x")).toMatchObject(unknown);
    expect(await asker.list("/x", "list x")).toMatchObject(unknown);
    expect(await asker.tryCreate("/x", {}, "create x")).toMatchObject(unknown);
    expect(await asker.ask("/x", {}, "ask x")).toMatchObject(unknown);
  },
);

describe("an API server that has too much to do", () => {
  const BUSY = { code: 429, retryAfter: "1", text: JSON.stringify({ message: "too many requests" }) };
  const CONFLICT = {
    code: 409,
    text: JSON.stringify({ message: 'Operation cannot be fulfilled on resourcequotas "q"' }),
  };
  const OK = { code: 201, text: "{}" };

  /** Answers in turn, the last one again and again. Waiting takes the time that's left. */
  function answeringInTurn(answers: readonly { code: number; retryAfter?: string; text: string }[], leftMs = 4500) {
    const waits: number[] = [];
    let asked = 0;
    const request = () => {
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      const headers = answer?.retryAfter === undefined ? {} : { "retry-after": answer.retryAfter };
      return Promise.resolve({ code: answer?.code, headers, text: () => Promise.resolve(answer?.text) });
    };
    const client = { request } as unknown as KubeClient;
    const timeLeft = () => leftMs - waits.reduce((sum, ms) => sum + ms, 0);
    const asker = createAsker(client, timeLeft, (ms) => Promise.resolve(waits.push(ms)));
    return { waits, asked: () => asked, tried: () => asker.tryCreate("/x", {}, "create jobs") };
  }

  it.each([
    ["asks to come back", [BUSY, OK], [1000]],
    ["says nothing about when", [{ ...BUSY, code: 503, retryAfter: "" }, OK], [500]],
    ["had two changes of a quota at once", [CONFLICT, CONFLICT, OK], [500, 500]],
  ])("and %s is asked again", async (_, answers, waits) => {
    const busy = answeringInTurn(answers);
    expect(await busy.tried()).toEqual({ kind: "accepted", object: {} });
    expect(busy.waits).toEqual(waits);
  });

  it("is asked no more than three times, and then nothing is known", async () => {
    const busy = answeringInTurn([BUSY]);
    const why = "can't create jobs: 429 too many requests";
    expect(await busy.tried()).toEqual({ kind: "unknown", why, isBusy: true });
    expect(busy.asked()).toBe(3);
  });

  it("isn't asked again if there's no time to wait", async () => {
    const busy = answeringInTurn([BUSY, OK], 900);
    expect(await busy.tried()).toMatchObject({ kind: "unknown", isBusy: true });
    expect(busy.waits).toEqual([]);
  });

  it("isn't taken for one if a webhook refuses with the same code, or a Pod isn't reached", async () => {
    const denied = JSON.stringify({ message: 'admission webhook "x.example.org" denied the request: later' });
    expect(await answeringInTurn([{ code: 429, text: denied }]).tried()).toMatchObject({ kind: "refused" });
    const silent = answeringInTurn([{ code: 503, text: "error trying to reach service: connection refused" }]);
    await silent.tried();
    expect(silent.asked()).toBe(1);
  });
});
