/** Logs a cause once a minute, with a count, however often it comes. */
import type { Logger } from "./log.ts";

/**
 * A log for lines that can come again and again, such as one for each job of a burst. `cause` says
 * which lines belong together. It can contain an error's message: names of Jobs, numbers, and what
 * comes after its first hundred characters make no difference.
 */
export interface LimitedLog {
  readonly warn: (cause: string, fields: object, message: string) => void;
  readonly error: (cause: string, fields: object, message: string) => void;
}

type Level = "warn" | "error";

interface Line {
  readonly level: Level;
  readonly fields: object;
  readonly message: string;
}

/** What came after a cause's line, and wasn't logged. */
interface LeftOut {
  count: number;
  last: Line | undefined;
}

/** If there are more at once, the rest shares one. Somebody else's messages can be part of a cause. */
const MAX_CAUSES = 50;
const THE_REST = "\0";
const CAUSE_LENGTH = 100;

/**
 * Logs the first line of a cause at once. If more come within `windowMs`, it logs the last of them
 * when that time is over. `others` counts those in between, so no line is lost without being
 * counted.
 */
export function limitLog(log: Logger, windowMs = 60_000): LimitedLog {
  const causes = new Map<string, LeftOut>();

  const write = (key: string, { level, fields, message }: Line, others: number): void => {
    log[level]({ ...fields, ...(others > 0 && { others }) }, message);
    causes.set(key, { count: 0, last: undefined });
    setTimeout(() => {
      const { count, last } = causes.get(key) ?? { count: 0, last: undefined };
      if (last) write(key, last, count - 1);
      else causes.delete(key);
    }, windowMs).unref();
  };

  const add = (level: Level, cause: string, fields: object, message: string): void => {
    const own = normalize(`${level}:${cause}`);
    const key = causes.has(own) || causes.size < MAX_CAUSES ? own : THE_REST;
    const leftOut = causes.get(key);
    const line = { level, fields, message };
    if (!leftOut) {
      write(key, line, 0);
      return;
    }
    leftOut.count++;
    leftOut.last = line;
  };

  return {
    warn(cause, fields, message) {
      add("warn", cause, fields, message);
    },
    error(cause, fields, message) {
      add("error", cause, fields, message);
    },
  };
}

function normalize(cause: string): string {
  return cause
    .slice(0, 4 * CAUSE_LENGTH)
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, "*")
    .replace(/\d+/g, "#")
    .slice(0, CAUSE_LENGTH);
}
