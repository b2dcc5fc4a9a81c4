import { expect, test } from "vitest";
import { createLogger, type LogLevel } from "../../src/log.ts";

function loggerAt(level: LogLevel) {
  const lines: string[] = [];
  const log = createLogger("admission", level, { write: (line) => lines.push(line) });
  return { log, lines, logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("a line says when, how bad, who and what, in this order", () => {
  const { log, lines } = loggerAt("info");
  log.info({ name: 'a "b"\n', absent: undefined, count: 2 }, "it happened");
  log.warn("so did this");
  log.error({}, "and this");
  expect(lines.map((line) => line.replace(/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/, '"time":T'))).toEqual([
    String.raw`{"level":"info","time":T,"component":"admission","name":"a \"b\"\n","count":2,"msg":"it happened"}` +
      "\n",
    '{"level":"warn","time":T,"component":"admission","msg":"so did this"}\n',
    '{"level":"error","time":T,"component":"admission","msg":"and this"}\n',
  ]);
});

test.each([
  ["debug", ["debug", "info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["silent", []],
] as const)("at level %s there are lines of %j", (level, expected) => {
  const { log, logged } = loggerAt(level);
  for (const each of ["debug", "info", "warn", "error"] as const) {
    log[each]("x");
    expect(log.isLevelEnabled(each)).toBe((expected as readonly string[]).includes(each));
  }
  expect(logged().map((line) => line["level"])).toEqual(expected);
});

test("an error is written with its type, code, stack and causes, even where they go in circles", () => {
  const { log, logged } = loggerAt("info");
  const cause = Object.assign(new Error("no such file"), { request: { body: "secret" } });
  const error = Object.assign(new TypeError("cannot read", { cause }), { code: "ENOENT", request: { body: "secret" } });
  cause.cause = error;
  log.error({ err: error }, "failed");
  log.error({ err: new AggregateError([cause], "all failed") }, "failed");
  log.error({ err: "a text" }, "failed");
  const [single, several, text] = logged().map(({ err }) => err);
  expect(single).toEqual({
    type: "TypeError",
    message: "cannot read: no such file",
    stack: `${String(error.stack)}\ncaused by: ${String(cause.stack)}`,
    code: "ENOENT",
  });
  expect(several).toMatchObject({ message: "all failed", aggregateErrors: [{ message: "no such file: cannot read" }] });
  expect(text).toBe("a text");
});
