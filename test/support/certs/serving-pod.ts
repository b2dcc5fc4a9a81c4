/**
 * Pods that `curfew certs` can ask for their certificate: a TLS server on loopback, and a Pod that
 * doesn't answer.
 */
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:tls";

/**
 * A Pod that doesn't answer. Nobody listens on port 2. A port that was just closed could be reused,
 * and fetch refuses port 1.
 */
export const NOBODY = { name: "curfew-admission-2", address: "127.0.0.1", port: 2 };

/** Resolves to a TLS server that listens with this certificate, PEM. */
export async function listenWith(cert: string, key: string): Promise<Server> {
  const server = createServer({ cert, key }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return server;
}

/** The server as an endpoint, named like a Pod. */
export function addressOf(server: Server): { name: string; address: string; port: number } {
  const { port } = server.address() as AddressInfo;
  return { name: `curfew-admission-${port}`, address: "127.0.0.1", port };
}
