import { expect } from "vitest";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promise } from "../support/wrappers/shells.ts";
import { sh } from "../support/wrappers/wrapped-pod.ts";

const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
const shellsOwn = ["PWD", "OLDPWD", "SHLVL", "_"];
const printed = (container: { readonly output: readonly string[] }): unknown => JSON.parse(container.output.join("\n"));

promise(
  "passes the environment on, including names that a shell drops and names that the wrapper itself uses",
  async (pod) => {
    const env = {
      PATH,
      EMPTY: "",
      A: "a  b\n\n c\n",
      "discovery.type": "single-node",
      "my-var": "a b",
      "application.yml": "spring:\n  name: 'x'\n  path: \"\\n\"\n\n",
      "1st": "*",
      "a b": "é $(PATH) `date` $$",
      _dir: "mine",
      _app: "",
      _signal: "x\ny",
      IFS_: "\t",
      "marks.1": "\u0001 \u0002 \u0003",
      "marks.2": "\u0002\n\u0004\n\n",
      IFS: ":",
      OPTIND: "7",
      PPID: "5",
      PS1: "1> ",
      PS4: "4> ",
    };
    const argv = ["node", "-p", "JSON.stringify(process.env)"];
    for (const container of [pod.main(argv, { env }), pod.sidecar(argv, { env, mains: "other" })]) {
      expect((await container.exited).code, container.stderr).toBe(0);
      const seen = Object.entries(printed(container) as object).filter(([name]) => !shellsOwn.includes(name));
      expect(Object.fromEntries(seen)).toEqual(env);
      expect(container.stderr).toBe("");
    }
  },
);

promise("passes on thousands of names that a shell drops, as from a large ConfigMap", async (pod) => {
  const names = Array.from({ length: 3_000 }, (_, at): [string, string] => [
    `config.${at}`,
    at % 3 === 0 ? "a\nb" : "c",
  ]);
  const env = { PATH, ...Object.fromEntries(names) };
  const main = pod.main(["node", "-p", "JSON.stringify(process.env)"], { env });
  expect((await main.exited).code, main.stderr).toBe(0);
  const seen = Object.entries(printed(main) as object).filter(([name]) => !shellsOwn.includes(name));
  expect(Object.fromEntries(seen)).toEqual(env);
});

promise("uses the image's own env and tr, not those that come first on main's PATH", async (pod) => {
  const folder = mkdtempSync(join(tmpdir(), "curfew-path-"));
  try {
    for (const name of ["env", "tr"])
      writeFileSync(join(folder, name), "#!/bin/sh\necho another >&2; exit 9\n", { mode: 0o755 });
    chmodSync(folder, 0o755);
    const env = { PATH: `${folder}:${PATH}`, "a.b": "c" };
    const main = pod.main(["node", "-p", "JSON.stringify(process.env)"], { env });
    expect((await main.exited).code, main.stderr).toBe(0);
    expect(printed(main)).toMatchObject(env);
    expect(main.stderr).toBe("");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

promise("runs main whatever options and functions bash gets from its environment, and passes them on", async (pod) => {
  const folder = mkdtempSync(join(tmpdir(), "curfew-bash-env-"));
  const file = join(folder, "env.sh");
  writeFileSync(file, "set -eu\nread() { echo mine; }\nkill() { echo mine; }\n");
  chmodSync(folder, 0o755);
  try {
    const shellopts = "braceexpand:hashall:interactive-comments";
    const env = {
      PATH,
      SHELLOPTS: `${shellopts}:errexit:xtrace:allexport:noglob:nounset`,
      "BASH_FUNC_wait%%": "() { echo mine; }",
    };
    for (const each of [env, { PATH, BASH_ENV: file }]) {
      const main = pod.main(["node", "-p", "JSON.stringify(process.env)"], {
        env: each,
        name: "env" in each ? "a" : "b",
      });
      expect((await main.exited).code, main.stderr).toBe(0);
      expect(printed(main)).toMatchObject(each);
      expect(main.stderr.split("\n").filter((line) => !line.startsWith("+"))).toEqual([""]);
      const ends = pod.main(sh("exit 7"), { env: each, name: "c" });
      expect((await ends.exited).code).toBe(7);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

promise("gives main no variables of its own", async (pod) => {
  const main = pod.main(["node", "-p", "JSON.stringify(process.env)"], { env: { PATH } });
  expect((await main.exited).code, main.stderr).toBe(0);
  expect(Object.keys(printed(main) as object).filter((name) => !shellsOwn.includes(name))).toEqual(["PATH"]);
});

promise(
  "passes on 100,000 bytes of argv unchanged, including everything that a shell or Kubernetes could interpret",
  async (pod) => {
    const env = { PATH, X: "value of X" };
    const odd = [
      "",
      " ",
      "'",
      '"',
      "\\",
      "\n",
      "a\nb\n",
      "$(X)",
      "$(Y)",
      "$$",
      "$$(X)",
      "$X ${X}",
      "`date`",
      "*",
      "~",
      "-n",
      "--",
      "A=b",
      "é 漢 🦉",
      "#",
      ";",
      "&",
      "!",
      "\t",
    ];
    const argv = [...odd, odd.join("").repeat(1500).slice(0, 99_000)];
    const main = pod.main(["node", "-p", "JSON.stringify(process.argv.slice(1))", "--", ...argv], { env });
    expect((await main.exited).code, main.stderr).toBe(0);
    expect(printed(main)).toEqual(argv);
  },
);

promise("keeps main's working directory", async (pod) => {
  const main = pod.main(["pwd"], { cwd: "/usr/share" });
  await main.exited;
  expect(main.output).toEqual(["/usr/share"]);
});
