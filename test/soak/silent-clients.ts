/**
 * Clients that hold connections and say nothing. Arguments: port, how many, and `tcp` (not a byte)
 * or `tls` (a handshake, then half a header). Connections that the server ends are opened again.
 * Prints a line once all have been opened.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";

const [port, count, kind] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
/** How many are opened at once. */
const AT_ONCE = 100;
const REOPEN_AFTER_MS = 2_000;

function open(): Promise<void> {
  return new Promise((resolve) => {
    const to = { host: "127.0.0.1", port };
    const socket: Socket =
      kind === "tls"
        ? connectTls({ ...to, rejectUnauthorized: false }, () => {
            socket.write("POST /mutate HTTP/1.1\r\nHost: cur");
            resolve();
          })
        : connectTcp(to, resolve);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      resolve();
      setTimeout(() => void open(), REOPEN_AFTER_MS);
    });
  });
}

for (let opened = 0; opened < count; opened += AT_ONCE) {
  await Promise.all(Array.from({ length: AT_ONCE }, open));
  await sleep(1);
}
console.log(JSON.stringify({ port }));
