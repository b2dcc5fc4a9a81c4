/** Which connection has to go when there are too many: anybody who reaches the port may open thousands, and say nothing. */
import type { Socket } from "node:net";

export interface Connections {
  /** A new connection, before its TLS handshake if there is to be one. */
  readonly opened: (socket: Socket) => void;
  /** A request that counts has come by this connection, which may be the TLS socket around the one that was opened. */
  readonly spoke: (socket: Socket) => void;
}

/**
 * Keeps at most `max` connections. Beyond that the oldest of those that never sent a request is ended, while they are more than half;
 * else the one whose last request is longest ago. Those in use stay, and who is served can always open new ones.
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

/** The same for a connection's TCP and TLS sockets, and no other open connection's: they have the server's end in common. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ""} ${String(remotePort)}`;
}

/** Forgotten at once: many may be opened before a socket says that it has closed. */
function endFirst(group: Map<string, Socket>): void {
  for (const [key, socket] of group) {
    group.delete(key);
    socket.destroy();
    return;
  }
}
