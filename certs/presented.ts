/** Which certificate a server presents: the only proof that a Pod serves with it, whatever its files say. */
import { connect } from "node:tls";

export interface Endpoint {
  /** The Pod's, or the address where it is none. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** The name that the API server asks for. */
  readonly host: string;
  /** Requests may be sent to it, now or for as long as it takes to end. */
  readonly isServing: boolean;
}

export interface Server {
  readonly name: string;
  readonly isServing: boolean;
  /** SHA-256, of what it presents; undefined: it cannot be asked. */
  readonly fingerprint: string | undefined;
}

const TIMEOUT_MS = 3_000;

export async function askServers(endpoints: readonly Endpoint[], timeoutMs = TIMEOUT_MS): Promise<readonly Server[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const { name, isServing } = endpoint;
      return { name, isServing, fingerprint: await askCertificate(endpoint, timeoutMs) };
    }),
  );
}

/**
 * SHA-256 fingerprints of what `servers` present. Undefined if one that serves could not be asked; one that does not serve may stay
 * silent: if it ever starts, it reads its Secret anew.
 */
export function presentedBy(servers: readonly Server[]): readonly string[] | undefined {
  const isComplete = servers.every(({ isServing, fingerprint }) => !isServing || fingerprint !== undefined);
  const fingerprints = servers.map(({ fingerprint }) => fingerprint).filter((fingerprint) => fingerprint !== undefined);
  return isComplete ? fingerprints : undefined;
}

async function askCertificate({ address, port, host }: Endpoint, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Not verified: nothing is sent, and what is presented is what is to be found out.
    const socket = connect({ host: address, port, servername: host, rejectUnauthorized: false });
    const timer = setTimeout(() => socket.destroy(new Error("no handshake in time")), timeoutMs);
    socket.once("secureConnect", () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      resolve(fingerprint256);
      socket.end();
    });
    socket.on("error", () => {
      resolve(undefined);
    });
    socket.once("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
