/** Which certificate a server presents: the only proof that a Pod serves with it, whatever its files say. */
import { connect } from "node:tls";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** The name that the API server asks for. */
  readonly host: string;
  /** Requests may be sent to it, now or for as long as it takes to end. */
  readonly isServing: boolean;
}

const TIMEOUT_MS = 3_000;

/**
 * SHA-256 fingerprints of what `endpoints` present. Undefined if one that serves cannot be asked; one that does not serve may stay
 * silent: if it ever starts, it reads its Secret anew.
 */
export async function presentedCertificates(
  endpoints: readonly Endpoint[],
  timeoutMs = TIMEOUT_MS,
): Promise<readonly string[] | undefined> {
  const asked = await Promise.all(endpoints.map((endpoint) => askCertificate(endpoint, timeoutMs)));
  const isComplete = endpoints.every(({ isServing }, index) => !isServing || asked[index] !== undefined);
  return isComplete ? asked.filter((fingerprint) => fingerprint !== undefined) : undefined;
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
