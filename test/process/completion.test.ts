/** Completion in real shells: bash and zsh on a terminal, with the key Tab. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareEnvironment } from "../support/bare-environment.ts";
import { need } from "../support/wrappers/shells.ts";

const CURFEW = join(import.meta.dirname, "../../bin/curfew.js");
const TIMEOUT = 300_000;

let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "curfew-completion-"));
  mkdirSync(join(folder, "bin"));
  // It says what the shell would run, and completes as curfew does.
  const program = `#!/bin/sh
case $1 in __complete | completion) exec '${process.execPath}' '${CURFEW}' "$@" ;; esac
printf 'RAN:'
printf ' <%s>' "$@"
echo ' END'
`;
  writeFileSync(join(folder, "bin/curfew"), program);
  chmodSync(join(folder, "bin/curfew"), 0o755);
  mkdirSync(join(folder, "overlays"));
  for (const name of ["overview.txt", "manifest.yaml"]) writeFileSync(join(folder, name), "");
  // Without the shells' own settings.
  env = {
    ...bareEnvironment,
    PATH: [join(folder, "bin"), process.env["PATH"]].join(delimiter),
    HOME: folder,
    TERM: "dumb",
    HISTFILE: "/dev/null",
  };
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What's typed, and the words of the command line that it becomes. */
const LINES: [string, string[]][] = [
  ["curfew expl\t-o j\t--strategy=tr\t-f mani\t", ["explain", "-o", "json", "--strategy=trap", "-f", "manifest.yaml"]],
  ["curfew help inj\t", ["help", "inject"]],
  ["curfew explain -k ov\t", ["explain", "-k", "overlays"]],
  ["curfew explain -o mani\t", ["explain", "-o", "mani"]],
  ["curfew explain --kustomize=ov\t", ["explain", "--kustomize=overlays"]],
];

const SHELLS = [
  { shell: "bash", argv: "bash --norc --noprofile -i", prepare: "source <(curfew completion bash)" },
  {
    shell: "zsh",
    argv: "zsh -f -i",
    prepare: "autoload -Uz compinit && compinit -D -u && source <(curfew completion zsh)",
  },
];

describe.each(SHELLS)("curfew completion $shell", ({ shell, argv, prepare }) => {
  test("completes commands, options, their values, files and directories", { timeout: TIMEOUT }, async (context) => {
    need(context, shell, "script");
    const terminal = spawn("script", ["--quiet", "--return", "--command", argv, "/dev/null"], { cwd: folder, env });
    let shown = "";
    let notify = (): void => undefined;
    terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
      notify();
    });
    const closed = new Promise<void>((resolve) => terminal.on("close", resolve));
    const see = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (;;) {
        const match = pattern.exec(shown);
        if (match) {
          shown = shown.slice(match.index + match[0].length);
          return match;
        }
        await new Promise<void>((resolve) => (notify = resolve));
      }
    };
    try {
      // What's typed isn't what's shown, so the terminal's echo doesn't match.
      terminal.stdin.write(`${prepare} && echo REA''DY\n`);
      await see(/READY/);
      for (const [typed, words] of LINES) {
        terminal.stdin.write(`${typed}\n`);
        const [, ran = ""] = await see(/RAN:(.*) END/);
        expect(ran.replaceAll("/>", ">"), typed).toBe(words.map((word) => ` <${word}>`).join(""));
      }
    } finally {
      terminal.stdin.write("exit\n");
      terminal.kill();
      await closed;
    }
  });
});

describe("curfew completion fish", () => {
  test("completes commands, options, their values, files and directories", { timeout: TIMEOUT }, (context) => {
    need(context, "fish");
    const typed = [
      "curfew expl",
      "curfew explain -o j",
      "curfew explain --strategy=tr",
      "curfew explain -f mani",
      ...LINES.slice(1).map(([line]) => line.trim()),
    ];
    const script = ["curfew completion fish | source", ...typed.map((line) => `complete -C '${line}'; echo ==`)];
    const { stdout, stderr } = spawnSync("fish", ["--no-config", "-c", script.join("\n")], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(stdout.split("==\n").map((part) => part.replaceAll(/\t.*$/gm, "").trim())).toEqual([
      "explain",
      "json",
      "--strategy=trap",
      "manifest.yaml",
      "inject",
      "overlays/",
      "",
      "--kustomize=overlays/",
      "",
    ]);
  });
});

test("shellcheck has nothing to say about the script for bash", (context) => {
  need(context, "shellcheck");
  const { stdout: script } = spawnSync(process.execPath, [CURFEW, "completion", "bash"], { encoding: "utf8" });
  const { stdout, status } = spawnSync("shellcheck", ["--shell=bash", "-"], { input: script, encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});
