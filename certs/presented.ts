/** Asks servers which certificate they present. Nothing else proves that a Pod has loaded it. */
import { connect } from "node:tls";

/** A server to ask. */
export interface Endpoint {
  /** Of the Pod, or the address if it isn't a Pod. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** The name that the API server expects in the certificate. */
  readonly host: string;
  /** Requests may be sent to it, even if it's about to stop. */
  readonly isServing: boolean;
}

/** A server and the certificate that it presents. */
export interface Server {
  readonly name: string;
  readonly isServing: boolean;
  /** SHA-256 fingerprint of the certificate. Undefined if the server doesn't answer. */
  readonly fingerprint: string | undefined;
}

const TIMEOUT_MS = 3_000;

/** Asks all endpoints at once, each for at most `timeoutMs`. Never rejects. */
export async function askServers(endpoints: readonly Endpoint[], timeoutMs = TIMEOUT_MS): Promise<readonly Server[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const { name, isServing } = endpoint;
      return { name, isServing, fingerprint: await askCertificate(endpoint, timeoutMs) };
    }),
  );
}

/**
 * The SHA-256 fingerprints of the certificates that `servers` present. Undefined if a serving one
 * didn't answer. One that doesn't serve needn't answer, because it reads the Secret when it starts.
 */
export function presentedBy(servers: readonly Server[]): readonly string[] | undefined {
  const isComplete = servers.every(({ isServing, fingerprint }) => !isServing || fingerprint !== undefined);
  const fingerprints = servers.map(({ fingerprint }) => fingerprint).filter((fingerprint) => fingerprint !== undefined);
  return isComplete ? fingerprints : undefined;
}

async function askCertificate({ address, port, host }: Endpoint, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    // No verification: nothing is sent, and the point is to see any certificate, even a wrong one.
    const socket = connect({ host: address, port, servername: host, rejectUnauthorized: false });
    const timer = setTimeout(() => socket.destroy(new Error("the handshake timed out")), timeoutMs);
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
