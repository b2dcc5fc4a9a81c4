/** The life of every long-running process: start, be ready, drain, end. */
import { constants } from "node:os";
import { createLogger, type Component, type Logger, type LogLevel } from "./log.ts";
import { createRegistry } from "./metrics.ts";
import { startOpsServer, type Readiness } from "./ops-server.ts";
import type { Registry } from "./prometheus.ts";
import { untilTermination } from "./termination.ts";

export interface ServeSettings {
  /** All addresses if it's undefined. */
  readonly host: string | undefined;
  readonly opsPort: number;
  readonly logLevel: LogLevel;
  /** How long to keep serving after a signal. Left out for a process that nobody calls. */
  readonly drainSeconds?: number;
}

/** What a process gets when it starts. */
export interface ServeContext {
  readonly log: Logger;
  readonly registry: Registry;
  readonly opsPort: number;
  /** From now on, `/readyz` answers with what `read` returns, until the process drains. */
  readonly setReadiness: (read: () => Readiness) => void;
  /**
   * Calls `close` at the end, even if the process fails to start. The last one to register is
   * called first.
   */
  readonly onEnd: (close: () => void) => void;
  /** Ends the process with an error that nobody awaits. */
  readonly fail: (error: unknown) => void;
}

/**
 * What a process does when it's told to end. It keeps serving for `windowMs`, then gives the last
 * answers `deadlineMs`, and resolves once everything that it had started is done.
 */
export type Drain = (windowMs: number, deadlineMs: number) => Promise<void>;

/**
 * How long the last answers may take once no more requests are accepted: longer than any caller
 * waits.
 */
const DRAIN_DEADLINE_MS = 15_000;

/**
 * Starts a process, and resolves when it has drained after SIGTERM or SIGINT. The process then
 * exits by itself with 0. A second signal ends it at once with 128 and the signal's number, as a shell
 * reports it, even if something hangs.
 * @throws what `start` throws, and if the operations port can't listen.
 */
export async function serve(
  component: Component,
  { host, opsPort, logLevel, drainSeconds = 0 }: ServeSettings,
  start: (context: ServeContext) => Promise<Drain>,
): Promise<void> {
  const log = createLogger(component, logLevel);
  const registry = createRegistry();
  let readiness = (): Readiness => ({ ready: false, reason: "starting" });
  let isDraining = false;
  const termination = untilTermination();
  void termination.second.then((signal) => {
    log.warn({ signal }, "ended at once by a second signal");
    process.exit(128 + constants.signals[signal]);
  });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined); // it may come when nobody waits for it any more
  const closers = [termination.dispose];
  try {
    const ops = await startOpsServer({ host, port: opsPort, registry, readiness: () => readiness() });
    closers.push(ops.close);
    const drain = await start({
      log,
      registry,
      opsPort: ops.port,
      setReadiness(read) {
        if (!isDraining) readiness = read;
      },
      onEnd: (close) => closers.push(close),
      fail: failure.reject,
    });

    const signal = await Promise.race([termination.first, failure.promise]);
    log.info({ signal, drainSeconds }, "draining");
    isDraining = true;
    readiness = () => ({ ready: false, reason: `draining after ${signal}` });
    await drain(drainSeconds * 1000, DRAIN_DEADLINE_MS);
    log.info("drained");
  } finally {
    for (const close of closers.reverse()) close();
  }
}
