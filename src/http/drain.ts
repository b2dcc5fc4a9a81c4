/** How a port is closed: first its clients leave, then it accepts no more connections. */
import type { Server } from "node:http";

export interface Draining {
  /**
   * While this is true, each answer should ask its client to come back on a new connection, which
   * leads to another replica.
   */
  readonly isDraining: () => boolean;
  /**
   * Keeps serving for `windowMs`, while Endpoints forget this Pod. Then it accepts no more
   * connections, and resolves once the last answer is sent, or `deadlineMs` later at the latest.
   */
  readonly drain: (windowMs: number, deadlineMs: number) => Promise<void>;
  /** Closes the port and all its connections at once. */
  readonly close: () => void;
}

/**
 * How often to look for connections that were busy when the port closed and are idle now. Nothing
 * else would end them.
 */
const IDLE_CHECK_MS = 50;

/** Makes the functions that close `server`. */
export function createDraining(server: Server): Draining {
  let draining = false;
  return {
    isDraining: () => draining,
    async drain(windowMs, deadlineMs) {
      draining = true;
      // The listening server keeps the process alive. This timer mustn't, as close() can come
      // first.
      await new Promise((resolve) => setTimeout(resolve, windowMs).unref());
      const deadline = setTimeout(() => {
        server.closeAllConnections();
      }, deadlineMs);
      const idle = setInterval(() => {
        server.closeIdleConnections();
      }, IDLE_CHECK_MS);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(idle);
      clearTimeout(deadline);
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
