/**
 * Logs: JSON lines on stdout, one event each. Callers log names, reasons and counts, never environment values, argv or payloads.
 *
 * No library: a line a review is a good part of what a review costs, and JSON.stringify makes it in half of pino's time.
 */
import { stdoutByTurn } from "./stdout-by-turn.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface Log {
  (message: string): void;
  /** What is undefined in the fields is left out. An error under `err` is written with its stack and causes. */
  (fields: object, message: string): void;
}

export type Logger = Readonly<Record<Exclude<LogLevel, "silent">, Log>> & {
  readonly isLevelEnabled: (level: LogLevel) => boolean;
};

export interface LogDestination {
  /** Takes one line, with its end. */
  readonly write: (line: string) => unknown;
}

/** A logger whose lines say which of Curfew's processes speaks. Tests pass a `destination` of their own. */
export function createLogger(
  component: "admission" | "dispatch" | "certs",
  level: LogLevel,
  destination: LogDestination = stdoutByTurn(),
): Logger {
  const isLevelEnabled = (asked: LogLevel): boolean => LOG_LEVELS.indexOf(asked) >= LOG_LEVELS.indexOf(level);
  const at = (own: LogLevel): Log => {
    if (!isLevelEnabled(own)) return () => undefined;
    return (...args: [message: string] | [fields: object, message: string]) => {
      const [fields, message] = args.length === 1 ? ["", args[0]] : [members(args[0]), args[1]];
      const time = new Date().toISOString();
      destination.write(
        `{"level":"${own}","time":"${time}","component":"${component}"${fields},"msg":${JSON.stringify(message)}}\n`,
      );
    };
  };
  return { isLevelEnabled, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The fields as they follow others in an object's JSON. */
function members(fields: object): string {
  const json = JSON.stringify("err" in fields ? { ...fields, err: errorFields(fields.err) } : fields);
  return json === "{}" ? "" : `,${json.slice(1, -1)}`;
}

/** As pino's standard serializer has it, which log pipelines know; of an error's own fields (code, syscall…) those that are no objects. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const chain: Error[] = [];
  for (let at: unknown = error; at instanceof Error && !chain.includes(at); at = at.cause) chain.push(at);
  return {
    ...Object.fromEntries(Object.entries(error).filter(([, value]) => typeof value !== "object")),
    type: error.constructor.name,
    message: chain.map(({ message }) => message).join(": "),
    stack: chain.map(({ stack }) => stack).join("\ncaused by: "),
    ...(error instanceof AggregateError && { aggregateErrors: error.errors.map(errorFields) }),
  };
}
