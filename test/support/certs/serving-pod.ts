/** What `curfew certs` asks for its certificate: a TLS server on loopback, as a Pod; and one that is not there. */
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:tls";

/** Where nobody listens. Not a port that was closed just now, which somebody else may get; and not 1, which fetch refuses. */
export const NOBODY = { name: "curfew-admission-2", address: "127.0.0.1", port: 2 };

export async function listenWith(cert: string, key: string): Promise<Server> {
  const server = createServer({ cert, key }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return server;
}

export function addressOf(server: Server): { name: string; address: string; port: number } {
  const { port } = server.address() as AddressInfo;
  return { name: `curfew-admission-${port}`, address: "127.0.0.1", port };
}
