/**
 * Logs: JSON lines on stdout, one event each. Callers log names, reasons and counts, never
 * environment values, argv or payloads.
 */
import { pino, type DestinationStream, type Logger } from "pino";

export type { Logger } from "pino";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Curfew's long-running processes. */
export type Component = "admission" | "dispatch" | "certs";

/**
 * Makes a logger whose lines say which process they come from. Tests pass their own `destination`.
 */
export function createLogger(
  component: Component,
  level: LogLevel,
  destination: DestinationStream = stdoutByTurn(),
): Logger {
  return pino(
    {
      level,
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/**
 * Collects the lines of one turn of the event loop and writes them with one system call, as a write
 * costs as much as twenty lines. If the process isn't busy, a line is still written within the turn
 * that logged it. Whatever is left is written at exit.
 */
function stdoutByTurn(): DestinationStream & { flushSync(): void } {
  const stdout = pino.destination({ dest: 1, sync: true, minLength: 8 * 1024 });
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    // Not flushSync(), which waits for the disk (fsync) if stdout is a file.
    stdout.flush();
  };
  const flushSync = (): void => {
    stdout.flushSync();
  };
  process.once("exit", flushSync);
  return {
    write(line) {
      stdout.write(line);
      if (scheduled) return;
      scheduled = true;
      setImmediate(flush);
    },
    flushSync,
  };
}
