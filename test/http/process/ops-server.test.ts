import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRegistry } from "../../../src/process/metrics.ts";
import { startOpsServer, type OpsServer, type Readiness } from "../../../src/process/ops-server.ts";

let ops: OpsServer;
let readiness: Readiness;
beforeEach(async () => {
  readiness = { ready: false, reason: "starting" };
  ops = await startOpsServer({ host: "127.0.0.1", port: 0, registry: createRegistry(), readiness: () => readiness });
});
afterEach(() => {
  ops.close();
});

function get(path: string, init?: RequestInit): Promise<Response> {
  return fetch(`http://127.0.0.1:${ops.port}${path}`, init);
}

test("/healthz is healthy while the process lives, ready or not", async () => {
  expect((await get("/healthz")).status).toBe(200);
});

test("/readyz says why it isn't ready", async () => {
  const response = await get("/readyz");
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ready: false, reason: "starting" });
  readiness = { ready: true };
  expect((await get("/readyz")).status).toBe(200);
});

test("/metrics answers in Prometheus' text format", async () => {
  const response = await get("/metrics");
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  expect(text).toMatch(/^# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes \d{7,}$/m);
  expect(text).toMatch(/^process_start_time_seconds \d{10}/m);
});

test("if a metric can't be collected, the answer is a 500 in JSON, and the next scrape is served", async () => {
  const registry = createRegistry();
  registry.metrics = () => Promise.reject(new Error("no"));
  const broken = await startOpsServer({ host: "127.0.0.1", port: 0, registry, readiness: () => readiness });
  const response = await fetch(`http://127.0.0.1:${broken.port}/metrics`);
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ error: "cannot collect metrics: no" });
  broken.close();
});

test.each([
  ["/", undefined, 404],
  ["/metrics/", undefined, 404],
  ["/healthz", { method: "POST" }, 405],
])("%s %j is refused in JSON with %i", async (path, init, status) => {
  const response = await get(path, init);
  expect(response.status).toBe(status);
  expect(await response.json()).toHaveProperty("error");
});

test("a port that's in use causes an error that names it", async () => {
  const again = { host: "127.0.0.1", port: ops.port, registry: createRegistry(), readiness: () => readiness };
  await expect(startOpsServer(again)).rejects.toThrow(`cannot listen on 127.0.0.1 ${ops.port}`);
});

test("HEAD gets only the headers", async () => {
  const response = await get("/healthz", { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-length")).toBe("16");
  expect(await response.text()).toBe("");
});

test.each([
  ["that comes in pieces", ["GET /hea", "lthz HTTP/1.1\r\nHost: a\r\n", "\r\n"], "200 OK"],
  ["with a query", ["GET /healthz?verbose HTTP/1.0\r\n\r\n"], "200 OK"],
  ["that isn't HTTP", ["\0\r\n\r\n"], "400 Bad Request"],
  ["that's too long", [`GET / HTTP/1.1\r\nX: ${"x".repeat(9000)}`], "431 Request Header Fields Too Large"],
])("a request %s is answered, and the connection is closed", async (_, pieces, status) => {
  const socket = connect(ops.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  const ended = new Promise((resolve) => socket.on("close", resolve));
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await ended;
  expect(answer.split("\r\n")[0]).toBe(`HTTP/1.1 ${status}`);
});

test("more silent connections than the server keeps don't keep probes out", async () => {
  const silent: Socket[] = [];
  for (let opened = 0; opened < 800; opened += 1) {
    const socket = connect(ops.port, "127.0.0.1");
    silent.push(socket);
    await new Promise((resolve) => socket.on("error", () => undefined).once("connect", resolve));
  }
  expect((await get("/healthz")).status).toBe(200);
  await expect.poll(() => silent.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(512);
  for (const socket of silent) socket.destroy();
});

test("a client that resets its connection does no harm", async () => {
  const socket = connect(ops.port, "127.0.0.1");
  await new Promise((resolve) => socket.on("connect", resolve));
  socket.write("GET /metrics HTTP/1.1\r\n\r\n");
  socket.resetAndDestroy();
  expect((await get("/healthz")).status).toBe(200);
});

test("requests that are sent in one go get one answer, so that a connection costs one scrape", async () => {
  const registry = createRegistry();
  let scrapes = 0;
  const metrics = registry.metrics.bind(registry);
  registry.metrics = () => {
    scrapes += 1;
    return metrics();
  };
  const counting = await startOpsServer({ host: "127.0.0.1", port: 0, registry, readiness: () => readiness });
  const socket = connect(counting.port, "127.0.0.1");
  const ended = new Promise((resolve) =>
    socket
      .on("error", () => undefined)
      .resume()
      .on("close", resolve),
  );
  socket.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500));
  await ended;
  expect(scrapes).toBe(1);
  counting.close();
});
