import { expect } from "vitest";
import { dirname } from "node:path";
import { promise } from "../support/shells.ts";

const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
const shellsOwn = ["PWD", "OLDPWD", "SHLVL", "_"];
const printed = (container: { readonly output: readonly string[] }): unknown => JSON.parse(container.output.join("\n"));

promise(
  "hands on the environment, with names that a shell drops and those that the wrapper uses itself",
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

promise("names no variable of its own to main", async (pod) => {
  const main = pod.main(["node", "-p", "JSON.stringify(process.env)"], { env: { PATH } });
  expect((await main.exited).code, main.stderr).toBe(0);
  expect(Object.keys(printed(main) as object).filter((name) => !shellsOwn.includes(name))).toEqual(["PATH"]);
});

promise(
  "hands on 100,000 bytes of argv, with everything that a shell or Kubernetes could take for its own",
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
