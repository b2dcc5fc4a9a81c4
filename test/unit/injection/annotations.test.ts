import { describe, expect, test } from "vitest";
import { DEFAULT_START_TIMEOUT_SECONDS, parseAnnotations } from "../../../src/injection/annotations.ts";

const settingsOf = (annotations: Record<string, string>) => {
  const { settings, problems } = parseAnnotations(annotations);
  expect(problems).toEqual([]);
  return settings;
};

test("no annotation, no settings", () => {
  expect(parseAnnotations({ "corp.example/main": "x", "notcurfew.sh/main": "x" })).toEqual({
    hasAny: false,
    settings: {
      mains: undefined,
      sidecars: undefined,
      ignored: [],
      strategy: undefined,
      startTimeoutSeconds: DEFAULT_START_TIMEOUT_SECONDS,
      commands: new Map(),
      gracePeriods: new Map(),
      shells: new Map(),
    },
    problems: [],
    warnings: [],
  });
});

describe("well-formed values", () => {
  test.each([
    ["curfew.sh/main", "a", { mains: ["a"] }],
    ["curfew.sh/main", " a , b-2,c ", { mains: ["a", "b-2", "c"] }],
    ["curfew.sh/sidecars", "a,b", { sidecars: ["a", "b"] }],
    ["curfew.sh/ignore", "a,a", { ignored: ["a"] }],
    ["curfew.sh/strategy", "native", { strategy: "native" }],
    ["curfew.sh/start-timeout-seconds", "0", { startTimeoutSeconds: 0 }],
    ["curfew.sh/start-timeout-seconds", "0060", { startTimeoutSeconds: 60 }],
    ["curfew.sh/start-timeout-seconds", "2147483647", { startTimeoutSeconds: 2147483647 }],
    ["command.curfew.sh/a", '["/x"]', { commands: new Map([["a", ["/x"]]]) }],
    ["command.curfew.sh/a", ' ["/x", "", "$(Y) \\" \\u00e9"] ', { commands: new Map([["a", ["/x", "", '$(Y) " é']]]) }],
    ["grace-period-seconds.curfew.sh/a", "5", { gracePeriods: new Map([["a", 5]]) }],
    ["shell.curfew.sh/a", "/opt/bash-5.2/bin/bash", { shells: new Map([["a", "/opt/bash-5.2/bin/bash"]]) }],
    ["shell.curfew.sh/a", "/nix/store/a..b/bin/...sh", { shells: new Map([["a", "/nix/store/a..b/bin/...sh"]]) }],
    ["curfew.sh/injected", "anything", {}],
  ])("%s: %j", (key, value, expected) => {
    expect(settingsOf({ [key]: value })).toMatchObject(expected);
  });
});

describe("a value that an annotation can't have is refused", () => {
  const names = ["", ",", "a,", "A", "a b", "-a", "a-", "a/b", "a.b", "é", "a".repeat(64), "$(X)", "`id`", "a\nb"];
  const seconds = [
    "",
    " ",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "0x10",
    "1 ",
    "1h",
    "2147483648",
    "99999999999",
    "NaN",
    "٣",
    "1\n",
  ];
  const commands = ["", "sh", '"sh"', "{}", "[]", '[""]', "[1]", '["a", null]', '[["a"]]', "['a']", '["a"', "null"];
  const shells = [
    ...["", "sh", "bin/sh", "/", "/bin/", "//bin/sh", "/bin/sh -x", "/bin/sh\n", "/../bin/sh", "/bin/..", "/./sh"],
    ...["/bin/$(X)", "/bin/$0", "/bin/`id`", "/bin/'sh'", "/bin/é", "https://example.org/sh", `/${"a".repeat(255)}`],
  ];
  test.each([
    ...names.flatMap((value) =>
      ["curfew.sh/main", "curfew.sh/sidecars", "curfew.sh/ignore"].map((key) => [key, value] as const),
    ),
    ...["", "Trap", " trap", "none", "trap,native"].map((value) => ["curfew.sh/strategy", value] as const),
    ...seconds.map((value) => ["curfew.sh/start-timeout-seconds", value] as const),
    ...seconds.map((value) => ["grace-period-seconds.curfew.sh/a", value] as const),
    ...commands.map((value) => ["command.curfew.sh/a", value] as const),
    ...shells.map((value) => ["shell.curfew.sh/a", value] as const),
  ])("%s: %j", (key, value) => {
    const { problems } = parseAnnotations({ [key]: value });
    expect(problems).toEqual([
      expect.stringMatching(new RegExp(`^The annotation "${key}" is ".*"\\. It must be .*[.?]$`)),
    ]);
  });
});

describe("a problem is reported", () => {
  test("with the value that was probably meant, if one is close", () => {
    expect(parseAnnotations({ "curfew.sh/strategy": "Natve" }).problems).toEqual([
      'The annotation "curfew.sh/strategy" is "Natve". It must be auto, trap or native; did you mean native?',
    ]);
  });

  test("without characters that a terminal would act on", () => {
    const hostile = "\u001b[2J\u009b31m\u007f\r\n\u202ebackwards\u2028\ud800\u{e0041}";
    const { problems } = parseAnnotations({ "curfew.sh/strategy": hostile, [`shell.curfew.sh/${hostile}`]: hostile });
    const message = problems.join(" ");
    expect(message).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(message).toContain(String.raw`"\u001b[2J\u009b31m\u007f\r\n\u202ebackwards\u2028\ud800\u{e0041}"`);
  });
});

test("what the dispatcher records on its Jobs isn't a setting", () => {
  expect(parseAnnotations({ "curfew.sh/buildkite-job": "{}" })).toMatchObject({ problems: [], warnings: [] });
});

test("an unknown annotation in Curfew's domain causes a warning, with the one that was probably meant", () => {
  const { problems, warnings } = parseAnnotations({
    "curfew.sh/mian": "a",
    "comand.curfew.sh/a": "[]",
    "timeout.curfew.sh/a": "5",
  });
  expect(problems).toEqual([]);
  expect(warnings).toEqual([
    `Curfew doesn't know the annotation "curfew.sh/mian", so it has no effect: did you mean "curfew.sh/main"?`,
    `Curfew doesn't know the annotation "comand.curfew.sh/a", so it has no effect: did you mean "command.curfew.sh/a"?`,
    `Curfew doesn't know the annotation "timeout.curfew.sh/a", so it has no effect.`,
  ]);
});

test("names like __proto__ are names like any other", () => {
  const annotations = JSON.parse('{"__proto__":"x","command.curfew.sh/__proto__":"[\\"/x\\"]"}') as Record<
    string,
    string
  >;
  expect(settingsOf(annotations).commands).toEqual(new Map([["__proto__", ["/x"]]]));
});
