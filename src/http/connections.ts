/**
 * Which connection to end if there are too many: anybody who reaches the port can open thousands
 * and send nothing.
 */
import type { Socket } from "node:net";

export interface Connections {
  /** Call this for each new connection, before any TLS handshake. */
  readonly opened: (socket: Socket) => void;
  /**
   * Call this for each request that counts. `socket` can be the TLS socket around the one that was
   * opened.
   */
  readonly spoke: (socket: Socket) => void;
}

/**
 * Keeps at most `max` connections. Beyond that, if more than half of them never sent a request, it
 * ends the oldest of those. Otherwise it ends the connection whose last request is longest ago. So
 * connections in use stay open, and clients that get answers can always open new ones.
 */
export function createConnections(max: number): Connections {
  // Maps keep the order in which keys were added: the first is the oldest.
  const silent = new Map<string, Socket>();
  const clients = new Map<string, Socket>();
  return {
    opened(socket) {
      const key = keyOf(socket);
      silent.set(key, socket);
      socket.on("close", () => {
        for (const group of [silent, clients]) if (group.get(key) === socket) group.delete(key);
      });
      if (silent.size + clients.size > max) endFirst(silent.size > max / 2 ? silent : clients);
    },
    spoke(socket) {
      const key = keyOf(socket);
      const opened = silent.get(key) ?? clients.get(key);
      if (opened === undefined) return;
      silent.delete(key);
      clients.delete(key);
      clients.set(key, opened);
    },
  };
}

/**
 * The same for a connection's TCP and TLS sockets, and different for every other open connection,
 * as all of them share the server's end.
 */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ""} ${String(remotePort)}`;
}

/**
 * Ends a group's oldest connection, and forgets it at once: many more can open before its socket
 * reports that it's closed.
 */
function endFirst(group: Map<string, Socket>): void {
  for (const [key, socket] of group) {
    group.delete(key);
    socket.destroy();
    return;
  }
}
