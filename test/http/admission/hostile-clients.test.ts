import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { post, reviewOf, startTestAdmission, type TestAdmission } from "../../support/admission/admission.ts";

let admission: TestAdmission;
const sockets: Socket[] = [];
beforeEach(async () => {
  admission = await startTestAdmission();
});
/** No matter what a client did, the next request is served. */
afterEach(async () => {
  expect(await admission.post(reviewOf({}))).toMatchObject({ status: 200 });
  for (const socket of sockets.splice(0)) socket.destroy();
  admission.close();
});

function openTcp(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: "127.0.0.1", port: admission.port });
    sockets.push(socket);
    socket.on("error", reject).on("connect", () => {
      resolve(socket);
    });
  });
}

function openTls(options: { readonly maxVersion?: "TLSv1.1" | "TLSv1.2" } = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host: "127.0.0.1",
      port: admission.port,
      ca: admission.ca,
      ...options,
      // The TLS library here must be willing to speak the version that the server should refuse.
      ...(options.maxVersion === "TLSv1.1" && { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }),
    });
    sockets.push(socket);
    socket.on("error", reject).on("secureConnect", () => {
      resolve(socket);
    });
  });
}

/** Everything that arrives until the server closes the connection. */
function readToEnd(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.on("close", () => {
      resolve(text);
    });
  });
}

function failed(reason: string): string {
  return `curfew_admission_requests_total{kind="unknown",operation="unknown",outcome="failed",reason="${reason}"}`;
}

const HEAD = "POST /mutate HTTP/1.1\r\nHost: curfew\r\nContent-Type: application/json\r\n";

describe("connections that don't speak TLS", () => {
  test("are closed if they send garbage", async () => {
    const socket = await openTcp();
    socket.write(Buffer.alloc(4096, 0xa5));
    expect(await readToEnd(socket)).not.toContain("HTTP/");
  });

  test("are closed if they speak plain HTTP", async () => {
    const socket = await openTcp();
    socket.write("GET / HTTP/1.1\r\n\r\n");
    expect(await readToEnd(socket)).not.toContain("HTTP/");
  });

  test("silent connections, more than the server keeps, don't crowd out old or new clients", async () => {
    const there = await openTls();
    const review = JSON.stringify(reviewOf({}));
    const send = (): boolean => there.write(`${HEAD}Content-Length: ${review.length}\r\n\r\n${review}`);
    let answers = "";
    there.on("data", (chunk: Buffer) => (answers += chunk.toString()));
    send();
    await expect.poll(() => answers).toContain("200 OK");
    // In waves that the listener's backlog (511) can hold.
    for (let wave = 0; wave < 8; wave += 1) await Promise.all(Array.from({ length: 200 }, openTcp));
    await expect.poll(() => sockets.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(1_200);
    for (let sent = 0; sent < 20; sent += 1) {
      expect(await post(review, { port: admission.port, ca: admission.ca, agent: false })).toMatchObject({
        status: 200,
      });
    }
    send();
    await expect.poll(() => answers.split("200 OK")).toHaveLength(3);
  });

  test("do no harm if they're reset during the handshake", async () => {
    const socket = await openTcp();
    socket.write(Buffer.from("16030100", "hex"));
    socket.resetAndDestroy();
  });
});

describe("TLS", () => {
  test("1.2 is accepted", async () => {
    expect((await openTls({ maxVersion: "TLSv1.2" })).getProtocol()).toBe("TLSv1.2");
  });

  test("1.3 is preferred", async () => {
    expect((await openTls()).getProtocol()).toBe("TLSv1.3");
  });

  test("1.1 is refused", async () => {
    await expect(openTls({ maxVersion: "TLSv1.1" })).rejects.toThrow(/protocol version/i);
  });
});

describe("slow or vanished clients", () => {
  test("one that sends its body byte by byte is answered", async () => {
    const socket = await openTls();
    const body = JSON.stringify(reviewOf({}));
    socket.write(`${HEAD}Connection: close\r\nContent-Length: ${body.length}\r\n\r\n`);
    for (const byte of body) {
      socket.write(byte);
      await new Promise(setImmediate);
    }
    expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("100 that never finish their headers or bodies leave room for others", async () => {
    const open = await Promise.all(Array.from({ length: 100 }, () => openTls()));
    for (const [index, socket] of open.entries()) {
      socket.write(index % 2 === 0 ? "POST /mut" : `${HEAD}Content-Length: 1000\r\n\r\n{`);
    }
    expect(await admission.post(reviewOf({}))).toMatchObject({ status: 200 });
  });

  test("many in the middle of 6 MiB bodies can't fill the memory: some get 503, and small reviews are served", async () => {
    const open = await Promise.all(Array.from({ length: 14 }, () => openTls()));
    const answers = Promise.race(open.map(readToEnd));
    for (const socket of open) {
      socket.write(`${HEAD}Connection: close\r\nContent-Length: ${7 * 1024 * 1024}\r\n\r\n`);
      socket.write(Buffer.alloc(6 * 1024 * 1024, " "));
    }
    await expect.poll(() => admission.metric(failed("busy"))).toBeGreaterThan(0);
    expect(await admission.post(reviewOf({}))).toMatchObject({ status: 200 });
    for (const socket of open) socket.write(Buffer.alloc(1024 * 1024, " "));
    expect(await answers).toMatch(/^HTTP\/1\.1 (503|400) /);
    for (const socket of open) socket.destroy();
    await expect.poll(() => admission.metric("curfew_admission_in_flight")).toBe(0);
    expect(await admission.post(JSON.stringify(reviewOf({})).padEnd(6 * 1024 * 1024))).toMatchObject({ status: 200 });
  });

  test("one that hangs up in the middle of its body is counted and forgotten", async () => {
    const socket = await openTls();
    socket.write(`${HEAD}Content-Length: 1000\r\n\r\n{`);
    await expect.poll(() => admission.metric("curfew_admission_in_flight")).toBe(1);
    socket.destroy();
    await expect.poll(() => admission.metric("curfew_admission_in_flight")).toBe(0);
    expect(await admission.metric(failed("aborted"))).toBe(1);
  });

  test("one that hangs up before its answer does no harm", async () => {
    const socket = await openTls();
    const body = JSON.stringify(reviewOf({}));
    socket.end(`${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`);
    socket.destroy();
  });
});

describe("a request that isn't valid HTTP gets a Status in JSON, then the connection is closed", () => {
  test.each([
    ["garbage", "\0\0\0\r\n\r\n", 400],
    ["a broken request line", "POST\r\n\r\n", 400],
    ["two Content-Length headers", `${HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, 400],
    ["Content-Length and chunks", `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ["headers of 64 KiB", `${HEAD}X: ${"x".repeat(65_536)}\r\n\r\n`, 431],
  ])("%s", async (_, text, code) => {
    const socket = await openTls();
    socket.write(text);
    const answer = await readToEnd(socket);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${code} `));
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject({ kind: "Status", code });
  });
});

test("requests pipelined on one connection are answered in order", async () => {
  const socket = await openTls();
  const uids = ["first", "second", "third"];
  for (const [index, uid] of uids.entries()) {
    const body = JSON.stringify(reviewOf({}, { uid }));
    const close = index === uids.length - 1 ? "Connection: close\r\n" : "";
    socket.write(`${HEAD}${close}Content-Length: ${body.length}\r\n\r\n${body}`);
  }
  const answers = await readToEnd(socket);
  expect([...answers.matchAll(/"uid":"(\w+)"/g)].map((match) => match[1])).toEqual(uids);
});
