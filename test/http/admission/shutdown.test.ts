import { Agent, request } from "node:https";
import { afterEach, describe, expect, test } from "vitest";
import {
  fakePlanner,
  PATCHED,
  post,
  reviewOf,
  startTestAdmission,
  type TestAdmission,
} from "../../support/admission/admission.ts";

const started: TestAdmission[] = [];
async function start(): Promise<TestAdmission> {
  const admission = await startTestAdmission(fakePlanner());
  started.push(admission);
  return admission;
}
afterEach(() => {
  for (const admission of started.splice(0)) admission.close();
});

describe("draining", () => {
  test("fails no review of clients that keep their connections, as API servers do", async () => {
    const [leaving, staying] = [await start(), await start()];
    // The Service's endpoints: both at first, then only the one that stays. Open connections stay
    // open.
    let endpoints = [leaving, staying];
    let sent = 0;
    let running = true;
    const statuses = new Map<number, number>();
    const client = async (index: number): Promise<void> => {
      const agents = started.map(({ ca }) => new Agent({ keepAlive: true, maxSockets: 1, ca }));
      while (running) {
        const endpoint = endpoints[(index + sent) % endpoints.length];
        if (endpoint === undefined) throw new Error("no endpoint");
        sent += 1;
        const agent = agents[started.indexOf(endpoint)];
        const { status } = await post(reviewOf({}), { port: endpoint.port, ...(agent && { agent }) });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      for (const agent of agents) agent.destroy();
    };
    const clients = Promise.all(Array.from({ length: 16 }, (_, index) => client(index)));
    await expect.poll(() => sent).toBeGreaterThan(200);
    const drained = leaving.drain(3_000, 5_000);
    setTimeout(() => (endpoints = [staying]), 150);
    await drained;
    running = false;
    await clients;
    expect([...statuses.keys()]).toEqual([200]);
  });

  test("keeps serving during its window, and asks clients to leave", async () => {
    const admission = await start();
    expect((await admission.post(reviewOf({}))).headers["connection"]).toBe("keep-alive");
    const drained = admission.drain(3_000, 5_000);
    expect(await admission.post(reviewOf({}))).toMatchObject({ status: 200, headers: { connection: "close" } });
    await drained;
    await expect(admission.post(reviewOf({}))).rejects.toThrow(/ECONNREFUSED/);
  });

  test("waits until a review that's still arriving is answered", async () => {
    const admission = await start();
    const body = JSON.stringify(reviewOf({}));
    const sending = request({
      host: "127.0.0.1",
      port: admission.port,
      path: "/mutate",
      method: "POST",
      ca: admission.ca,
      headers: { "content-type": "application/json", "content-length": body.length },
    });
    const status = new Promise((resolve, reject) => {
      sending.on("error", reject).on("response", (response) => {
        resolve(response.resume().statusCode);
      });
    });
    sending.write(body.slice(0, 10));
    await expect.poll(() => admission.metric("curfew_admission_in_flight")).toBe(1);
    const drained = admission.drain(0, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    sending.end(body.slice(10));
    expect(await status).toBe(200);
    await drained;
  });

  test("closes the remaining connections at its deadline", async () => {
    const admission = await start();
    const hanging = post(new Uint8Array(0), {
      port: admission.port,
      ca: admission.ca,
      headers: { "content-type": "application/json", "content-length": 1000 },
    });
    await expect.poll(() => admission.metric("curfew_admission_in_flight")).toBe(1);
    await Promise.all([expect(hanging).rejects.toThrow(), admission.drain(0, 50)]);
  });
});

test("a slow planner delays reviews, but loses none", async () => {
  const admission = await startTestAdmission(
    fakePlanner({
      planJob() {
        const until = performance.now() + 20;
        while (performance.now() < until);
        return PATCHED;
      },
    }),
  );
  started.push(admission);
  const answers = await Promise.all(Array.from({ length: 10 }, () => admission.post(reviewOf({}))));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
});
