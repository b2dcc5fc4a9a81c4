/** What the command line says about itself, under both of its names. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, test } from "vitest";

const PROGRAMS = { curfew: "curfew.js", "kubectl curfew": "kubectl-curfew.js" } as const;

type Program = keyof typeof PROGRAMS;

/** Runs the program without a terminal, so that help is 80 columns wide. */
async function run(program: Program, ...args: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../bin", PROGRAMS[program]), ...args]);
  const status = new Promise((resolve) => child.on("close", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, stdout, stderr };
}

/** The names below each heading of a help that lists commands. */
const GROUPS = /^(Processes in the cluster|For people|Commands):\n((?: {2}.*\n)+)/gm;
function listed(help: string): Record<string, string[]> {
  const groups = [...help.matchAll(GROUPS)].map(([, heading = "", lines = ""]) => [
    heading,
    [...lines.matchAll(/^ {2}(\w+)/gm)].map(([, name = ""]) => name),
  ]);
  return Object.fromEntries(groups) as Record<string, string[]>;
}

/** The help of the program, of each command, and of each command's commands, by what was typed. */
async function allHelp(program: Program): Promise<Map<string, string>> {
  const top = await run(program, "--help");
  const helps = new Map<string, string>([[program, top.stdout]]);
  for (const name of Object.values(listed(top.stdout)).flat()) {
    const { stdout } = await run(program, name, "--help");
    helps.set(`${program} ${name}`, stdout);
    for (const below of listed(stdout)["Commands"] ?? []) {
      helps.set(`${program} ${name} ${below}`, (await run(program, name, below, "--help")).stdout);
    }
  }
  return helps;
}

describe.each(Object.keys(PROGRAMS) as Program[])("%s", (program) => {
  let helps: Map<string, string>;
  beforeAll(async () => {
    helps = await allHelp(program);
  }, 300_000);

  test("lists the processes in the cluster and what's for people apart from each other", () => {
    const groups = listed(helps.get(program) ?? "");
    expect(Object.keys(groups)).toEqual(["Processes in the cluster", "For people"]);
    expect(groups["Processes in the cluster"]).toEqual(["admission", "dispatch", "certs"]);
    expect(groups["For people"]).toEqual(expect.arrayContaining(["inject", "explain", "demo"]));
  });

  test("has help for each command, with usage and options, that fits 80 columns", () => {
    expect(helps.size).toBeGreaterThan(7);
    for (const [typed, help] of helps) {
      expect(help).toMatch(new RegExp(`^Usage: ${typed} \\[options\\]`));
      expect(help).toContain("-h, --help");
      expect(
        help.split("\n").filter((line) => line.length > 80),
        typed,
      ).toEqual([]);
    }
  });

  test("names itself in its help as people type it", () => {
    const commands = "check|scan|inject|explain|demo|help|version";
    const other = program === "curfew" ? "kubectl curfew" : String.raw`(?<!kubectl |-- |[\w/-])curfew`;
    for (const [typed, help] of helps) expect(help, typed).not.toMatch(new RegExp(`${other} (?:${commands})`));
  });

  test("help and help COMMAND SUBCOMMAND show the same as --help", async () => {
    expect(await run(program, "help")).toEqual({ status: 0, stdout: helps.get(program), stderr: "" });
    expect((await run(program, "help", "certs", "status")).stdout).toBe(helps.get(`${program} certs status`));
  });

  test("names itself in what it says about wrong commands, options and input", async () => {
    expect((await run(program, "certs", "nonsense")).stderr).toBe(
      `${program} certs: there's no command "nonsense". There are: status.\n`,
    );
    expect((await run(program, "inject", "--nothing")).stderr).toBe(`${program}: unknown option '--nothing'\n`);
    expect((await run(program, "explain", "-f", "nowhere.yaml")).stderr).toMatch(`${program} explain: cannot read `);
  });
});

test.each([
  [["injct"], `curfew: there's no command "injct". Did you mean inject?\n`],
  [["help", "injct"], `curfew: there's no command "injct". Did you mean inject?\n`],
  [["nonsense", "--help"], `curfew: there's no command "nonsense". There are: admission, `],
  [["help", "nonsense"], `curfew: there's no command "nonsense". There are: admission, `],
  [["certs", "statsu"], `curfew certs: there's no command "statsu". Did you mean status?\n`],
  [["help", "certs", "statsu"], `curfew certs: there's no command "statsu". Did you mean status?\n`],
])("%j ends with 2, says that there's no such command, and names the nearest", async (args, message) => {
  const { status, stdout, stderr } = await run("curfew", ...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr.slice(0, message.length)).toBe(message);
});
