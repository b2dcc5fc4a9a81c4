/** What strangers can do to the port that the internet can reach. */
import { connect, type Socket } from "node:net";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Deliveries } from "../../../src/dispatch/webhook/deliveries.ts";
import { createDeliveryMetrics } from "../../../src/dispatch/webhook/metrics.ts";
import { startWebhookServer, type WebhookServer } from "../../../src/dispatch/webhook/server.ts";
import { limitLog } from "../../../src/process/log-limiter.ts";
import { createLogger } from "../../../src/process/log.ts";
import { SECRET, testConfig } from "../../support/dispatch/config.ts";
import { signatureOf } from "../../../sim/buildkite/webhook.ts";

/** How many connections the server keeps at most. */
const KEPT = 60;
const PATH = "/webhooks/buildkite";
const HEAD = `POST ${PATH} HTTP/1.1\r\nHost: curfew\r\nContent-Type: application/json\r\n`;

let server: WebhookServer;
let registry: Registry;
let logged: string[];
const sockets: Socket[] = [];
beforeEach(async () => {
  registry = new Registry();
  const [config, now] = [testConfig(), Date.now];
  const metrics = createDeliveryMetrics(registry);
  logged = [];
  const log = createLogger("dispatch", "warn", { write: (line) => void logged.push(line) });
  const limited = limitLog(log);
  const deliveries = new Deliveries({ config, queues: new Map(), metrics, limited, now });
  const options = { secrets: config.webhook, deliveries, metrics, limited, now, maxConnections: KEPT };
  server = await startWebhookServer({ ...options, host: "127.0.0.1", port: 0 });
});
/** No matter what they did, the next delivery is served. */
afterEach(async () => {
  expect(await deliverAnew()).toBe(200);
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

function open(): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: server.port });
    sockets.push(socket);
    // A socket that doesn't read wouldn't notice that the server closed it.
    socket.on("error", () => socket.destroy()).resume();
    socket.on("connect", () => {
      resolve(socket);
    });
  });
}

const openMany = (count: number): Promise<Socket[]> => Promise.all(Array.from({ length: count }, open));

function pingSignedWith(
  secret: string,
  timestamp = Math.floor(Date.now() / 1000),
): { body: string; signature: string } {
  const body = JSON.stringify({ event: "ping" });
  return { body, signature: signatureOf(secret, timestamp, body) };
}

function ping(secret: string): string {
  const { body, signature } = pingSignedWith(secret);
  return `${HEAD}X-Buildkite-Signature: ${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

async function deliverAnew(): Promise<number> {
  const { body, signature } = pingSignedWith(SECRET);
  const headers = { "content-type": "application/json", "x-buildkite-signature": signature, connection: "close" };
  return (await fetch(`http://127.0.0.1:${server.port}${PATH}`, { method: "POST", headers, body })).status;
}

async function rejectedFor(reason: string): Promise<number> {
  const { values } = (await registry.getMetricsAsJSON()).find(
    ({ name }) => name === "curfew_dispatch_deliveries_total",
  ) ?? { values: [] };
  return values.find(({ labels }) => labels["reason"] === reason)?.value ?? 0;
}

test.each([
  ["all silent", ""],
  ["each with a forged delivery", ping("guess")],
])("more connections than the server keeps, %s, don't crowd out old or new clients", async (...[, text]) => {
  const there = await open();
  let answers = "";
  there.on("data", (chunk: Buffer) => (answers += chunk.toString()));
  there.write(ping(SECRET));
  await expect.poll(() => answers).toContain("200 OK");
  const strangers = await openMany(KEPT + 40);
  for (const socket of strangers) if (text !== "") socket.write(text);
  await expect.poll(() => strangers.filter(({ destroyed }) => !destroyed).length).toBeLessThan(KEPT);
  for (let sent = 0; sent < 20; sent += 1) expect(await deliverAnew()).toBe(200);
  there.write(ping(SECRET));
  await expect.poll(() => answers.split("200 OK")).toHaveLength(3);
});

test("clients that never finish their headers or bodies leave room for others, even if they fill the server", async () => {
  for (const [index, socket] of (await openMany(KEPT)).entries())
    socket.write(index % 2 === 0 ? "POST /webh" : `${HEAD}Content-Length: 1000\r\n\r\n{`);
});

test("many clients in the middle of 1 MiB bodies can't fill the memory: some get 503, and ordinary deliveries are served", async () => {
  let busy = 0;
  for (const socket of await openMany(40)) {
    socket.on("data", (chunk: Buffer) => (busy += Number(chunk.toString().startsWith("HTTP/1.1 503 "))));
    socket.write(`${HEAD}Content-Length: ${1024 * 1024}\r\n\r\n`);
    socket.write(Buffer.alloc(1000 * 1024, " "));
  }
  // Unfinished bodies can take up 24 MiB together.
  await expect.poll(() => busy).toBeGreaterThanOrEqual(14);
  await expect.poll(async () => (await rejectedFor("busy")) - busy).toBe(0);
});

test("forged deliveries don't fill the log: it gets one line a minute, and all are counted", async () => {
  for (const socket of await openMany(20)) socket.write(ping("guess"));
  await expect.poll(() => rejectedFor("signature-mismatch")).toBe(20);
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('"reason":"signature-mismatch"');
});

test("a client that hangs up in the middle of its body is counted and forgotten", async () => {
  const socket = await open();
  socket.write(`${HEAD}Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n{`);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
  await expect.poll(() => rejectedFor("aborted")).toBe(1);
});

test.each([
  ["garbage", 400, "\0\0\0\r\n\r\n"],
  ["Content-Length and chunks", 400, `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["headers of 64 KiB", 431, `${HEAD}X: ${"x".repeat(65_536)}\r\n\r\n`],
  ["a path that isn't valid in a URL", 404, "POST /%zz HTTP/1.1\r\nHost: curfew\r\nContent-Length: 0\r\n\r\n"],
])("%s gets %i", async (...[, code, text]) => {
  const socket = await open();
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.write(text);
  await expect.poll(() => answer).toMatch(new RegExp(`^HTTP/1\\.1 ${code} `));
});
