import { Command } from "commander";
import { describe, expect, test } from "vitest";
import {
  addSettings,
  oneOf,
  parseBoolean,
  parsePort,
  parseSettings,
  parseText,
  secondsUpTo,
  type SettingsTable,
} from "../../../src/process/settings.ts";

const SETTINGS = {
  port: { flag: "--port <number>", env: "T_PORT", help: "a port", fallback: "8443", parse: parsePort },
  name: { flag: "--name <text>", env: "T_NAME", help: "a name", parse: parseText },
  logLevel: {
    flag: "--log-level <level>",
    env: "T_LEVEL",
    help: "a level",
    optional: true,
    parse: oneOf("info", "debug"),
  },
} as const satisfies SettingsTable;

describe("a table of settings", () => {
  test("uses what's given or else the fallback, and leaves out optional settings", async () => {
    expect(await parseSettings(SETTINGS, { name: "a" })).toEqual({
      kind: "settings",
      settings: { port: 8443, name: "a" },
      notes: [],
    });
    expect(await parseSettings(SETTINGS, { name: "a", port: "0", logLevel: "debug" })).toEqual({
      kind: "settings",
      settings: { port: 0, name: "a", logLevel: "debug" },
      notes: [],
    });
  });

  test("reports all problems at once, with flag, variable, the given text and the way out", async () => {
    expect(await parseSettings(SETTINGS, { port: "80x", logLevel: "loud" })).toEqual({
      kind: "invalid",
      problems: [
        '--port (T_PORT): "80x" is not a port: give a whole number from 0 (any free port) to 65535',
        "--name (T_NAME) is required",
        '--log-level (T_LEVEL): "loud" must be one of: info, debug',
      ],
    });
  });

  test("treats an empty text as absent", async () => {
    expect(await parseSettings(SETTINGS, { port: "", name: "" })).toEqual({
      kind: "invalid",
      problems: ["--name (T_NAME) is required"],
    });
  });

  test("reports each problem of a file that a setting names, unchanged", async () => {
    const table = {
      ...SETTINGS,
      file: { flag: "--file <file>", env: "T_FILE", help: "a file", parse: () => ({ problems: ["f: one", "f: two"] }) },
    } as const satisfies SettingsTable;
    expect(await parseSettings(table, { port: "x", name: "a", file: "f" })).toEqual({
      kind: "invalid",
      problems: [expect.stringContaining("--port (T_PORT)"), "f: one", "f: two"],
    });
  });

  test("passes on the notes of a file that a setting names", async () => {
    const table = {
      file: { flag: "--file <file>", env: "T_FILE", help: "a file", parse: () => ({ value: 1, notes: ["f: odd"] }) },
    } as const satisfies SettingsTable;
    expect(await parseSettings(table, { file: "f" })).toEqual({
      kind: "settings",
      settings: { file: 1 },
      notes: ["f: odd"],
    });
  });

  test("becomes a command's options, under the table's keys, with the variable in the help", async () => {
    const command = addSettings(new Command("test"), SETTINGS);
    command.parse(["--port", "1", "--name", "b", "--log-level", "info"], { from: "user" });
    expect(await parseSettings(SETTINGS, command.opts())).toEqual({
      kind: "settings",
      settings: { port: 1, name: "b", logLevel: "info" },
      notes: [],
    });
    expect(command.helpInformation()).toContain('(default: "8443", env: T_PORT)');
  });
});

describe("the parsers accept one strict form", () => {
  test.each(["-1", "65536", "1e3", " 80", "0x50", "8.0", "٣"])("not a port: %j", (text) => {
    expect(parsePort(text)).toHaveProperty("problem");
  });

  test.each(["-1", "61", "1.5", "1s", "1e1", "Infinity"])("not seconds up to 60: %j", (text) => {
    expect(secondsUpTo(60)(text)).toHaveProperty("problem");
  });

  test.each(["TRUE", "yes", "1"])("not a boolean: %j", (text) => {
    expect(parseBoolean(text)).toHaveProperty("problem");
  });

  test("the ends of the ranges are included", () => {
    expect(parsePort("65535")).toEqual({ value: 65535 });
    expect(secondsUpTo(60)("60")).toEqual({ value: 60 });
    expect(parseBoolean("false")).toEqual({ value: false });
  });
});
