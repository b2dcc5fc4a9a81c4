import { Socket } from "node:net";
import { expect, test } from "vitest";
import { createConnections, type Connections } from "../../../src/http/connections.ts";

/** A socket that seems open, since it has an address. */
function socketOf(remotePort: number): Socket {
  const socket = new Socket();
  const address = { remoteAddress: { value: "10.0.0.1" }, remotePort: { value: remotePort } };
  return Object.defineProperties(socket, address);
}

function openMany(connections: Connections, count: number): Socket[] {
  return Array.from({ length: count }, (_, index) => {
    const socket = socketOf(index);
    connections.opened(socket);
    return socket;
  });
}

const ended = (sockets: readonly Socket[]): number[] =>
  sockets.flatMap((socket, index) => (socket.destroyed ? [index] : []));

test("beyond the maximum, the oldest connection that never sent a request is closed", () => {
  const connections = createConnections(4);
  const sockets = openMany(connections, 4);
  for (const index of [0, 2]) connections.spoke(socketOf(index));
  connections.opened(socketOf(4));
  expect(ended(sockets)).toEqual([1]);
});

test("if many are opened at once, no more than the maximum remain", () => {
  expect(ended(openMany(createConnections(4), 10))).toEqual([0, 1, 2, 3, 4, 5]);
});

test("if all old ones have sent requests, the one with the oldest last request is closed, and the new one stays", () => {
  const connections = createConnections(4);
  const sockets = openMany(connections, 4);
  for (const index of [0, 1, 2, 3, 0]) connections.spoke(socketOf(index));
  const late = socketOf(4);
  connections.opened(late);
  expect(ended([...sockets, late])).toEqual([1]);
});

test("closed connections are forgotten", async () => {
  const connections = createConnections(4);
  const sockets = openMany(connections, 4);
  sockets[3]?.destroy();
  await new Promise((resolve) => sockets[3]?.once("close", resolve));
  connections.opened(socketOf(4));
  expect(ended(sockets)).toEqual([3]);
});
