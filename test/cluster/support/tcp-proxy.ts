/**
 * A proxy in front of a server. Tests can shut it, as if the server were down. The server and its
 * other clients carry on.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Cuts every connection, even if an answer is on its way, and refuses new ones. */
  readonly shut: () => Promise<void>;
  /** Listens on the same port again. */
  readonly open: () => Promise<void>;
}

/** Starts a proxy on 127.0.0.1 for the server at `host:port`. */
export async function startTcpProxy(host: string, port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from
        .on("error", () => to.destroy())
        .on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
    }
  });
  const listen = (on: number): Promise<void> =>
    new Promise((resolve, reject) => server.once("error", reject).listen(on, "127.0.0.1", resolve));
  await listen(0);
  const { port: own } = server.address() as AddressInfo;
  return {
    port: own,
    async shut() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    open: () => listen(own),
  };
}
