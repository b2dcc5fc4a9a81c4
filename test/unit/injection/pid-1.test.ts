import { describe, expect, it } from "vitest";
import { isInitSystem, signalsItself } from "../../../src/injection/pid-1.ts";

describe("a script that signals itself or its process group", () => {
  it.each([
    'trap "kill 0" EXIT',
    "kill -TERM 0",
    "kill -s TERM 0; exit",
    "kill -n 15 0",
    "kill -9 -- 0",
    "trap - TERM && kill -- -$$",
    "kill -- -$$$$",
    'kill -TERM "$$"',
    'kill -INT "-$$"',
    "kill $BASHPID",
    "kill ${BASHPID}",
  ])("is recognized: %s", (script) => {
    expect(signalsItself(["sh", "-c", script])).toBe(true);
  });

  it.each([
    "kill $(jobs -p)",
    "kill -TERM $$(cat server.pid)",
    'kill -s 0 "$server"',
    "kill -n 0 $server",
    'kill -TERM "$server"',
    "kill %1",
    "kill -0 $pid",
    "kill -0 1234",
    "kill 1234",
    "pkill 0",
    "echo $$; kill $pid",
    "skill 0",
    "kill 01",
  ])("isn't mistaken for one: %s", (script) => {
    expect(signalsItself(["sh", "-c", script])).toBe(false);
  });

  it("is found in linear time, whatever the argv", () => {
    for (const text of ["-s a ", "kill ", "-kill ", "kill -s kill ", "kill -", "kill\t", "kill $$("]) {
      const hostile = `kill ${text.repeat(100_000)}`;
      const spaces = `kill ${" ".repeat(100_000)}x`;
      expect(signalsItself([hostile, spaces])).toBe(false);
    }
  });
});

it("an init system is recognized by the program, not by its arguments", () => {
  expect(isInitSystem(["/init"])).toBe(true);
  expect(isInitSystem(["/sbin/init", "--log"])).toBe(true);
  expect(isInitSystem(["/app/init"])).toBe(false);
  expect(isInitSystem(["sh", "/init"])).toBe(false);
});
