import { Argument, Command, Option } from "commander";
import { describe, expect, test } from "vitest";
import { complete, printCompletion } from "../../../src/completion/complete.ts";
import { addSettings, oneOf, parseBoolean, parseText } from "../../../src/process/settings.ts";

const tables = {
  strategy: { flag: "--strategy <name>", env: "S", help: "which", parse: oneOf("auto", "trap", "native") },
  fast: { flag: "--fast <boolean>", env: "F", help: "whether", parse: parseBoolean },
  config: { flag: "--config <file>", env: "C", help: "what", parse: parseText },
  host: { flag: "--host <address>", env: "H", help: "where", parse: parseText },
};

function program(): Command {
  const explain = new Command("explain")
    .summary("say why")
    .argument("[files...]", "what to read")
    .option("-f, --filename <path...>", "a file")
    .option("-k, --kustomize <directory>", "a directory")
    .option("--all", "all of them")
    .addOption(new Option("-o, --output <format>", "how").choices(["text", "json"]))
    .addOption(new Option("--secret").hideHelp());
  const certs = addSettings(new Command("certs").helpCommand(false), tables).addCommand(
    new Command("status").description("Says it."),
  );
  const completion = new Command("completion").addArgument(new Argument("<shell>").choices(["bash", "zsh"]));
  return new Command("curfew").helpCommand(false).addCommand(explain).addCommand(certs).addCommand(completion);
}

function after(...words: string[]): { texts: string[]; paths: string } {
  const { suggestions, paths } = complete(program(), words);
  return { texts: suggestions.map(({ text }) => text), paths };
}

describe("completion suggests", () => {
  test("commands and help, and no paths", () => {
    expect(after("")).toEqual({ texts: ["explain", "certs", "completion", "help"], paths: "none" });
    expect(after("ex")).toEqual({ texts: ["explain"], paths: "none" });
    expect(after("certs", "")).toEqual({ texts: ["status"], paths: "none" });
  });

  test("each with what its help says", () => {
    const { suggestions } = complete(program(), ["ex"]);
    expect(suggestions).toEqual([{ text: "explain", description: "say why" }]);
    expect(complete(program(), ["certs", "s"]).suggestions).toEqual([{ text: "status", description: "Says it." }]);
    expect(complete(program(), ["explain", "--al"]).suggestions[0]?.description).toBe("all of them");
  });

  test("a command's options once the word begins with -, but no hidden ones", () => {
    const all = ["--filename", "-f", "--kustomize", "-k", "--all", "--output", "-o", "--help", "-h"];
    expect(after("explain", "-")).toEqual({ texts: all, paths: "none" });
    expect(after("explain", "a.yaml", "--o")).toEqual({ texts: ["--output"], paths: "none" });
    expect(after("explain", "--nothing")).toEqual({ texts: [], paths: "none" });
  });

  test("the choices of an option, of a setting and of an argument", () => {
    expect(after("explain", "-o", "")).toEqual({ texts: ["text", "json"], paths: "none" });
    expect(after("explain", "--output", "j")).toEqual({ texts: ["json"], paths: "none" });
    expect(after("explain", "--output=j")).toEqual({ texts: ["--output=json"], paths: "none" });
    expect(after("certs", "--strategy", "")).toEqual({ texts: ["auto", "trap", "native"], paths: "none" });
    expect(after("certs", "--strategy=t")).toEqual({ texts: ["--strategy=trap"], paths: "none" });
    expect(after("certs", "--fast", "")).toEqual({ texts: ["true", "false"], paths: "none" });
    expect(after("completion", "")).toEqual({ texts: ["bash", "zsh"], paths: "none" });
    expect(after("completion", "zsh", "")).toEqual({ texts: [], paths: "none" });
  });

  test.each([
    [["explain", "-f", ""], "files"],
    [["explain", "-f", "a.yaml", ""], "files"],
    [["explain", "--filename=", ""], "files"],
    [["explain", ""], "files"],
    [["explain", "a.yaml", "b"], "files"],
    [["explain", "--", "-"], "files"],
    [["certs", "--config", ""], "files"],
    [["certs", "--config=a"], "files"],
    [["explain", "-k", ""], "directories"],
    [["explain", "--kustomize=ov"], "directories"],
    [["certs", "--host", ""], "none"],
    [["explain", "--all=", "-f"], "none"],
  ])("the paths that fit: %j", (words, paths) => {
    expect(after(...words).paths).toBe(paths);
  });

  test("options again after the values of an option that takes several", () => {
    expect(after("explain", "-f", "a", "b", "--al")).toEqual({ texts: ["--all"], paths: "none" });
    expect(after("explain", "-f", "a", "-o", "")).toEqual({ texts: ["text", "json"], paths: "none" });
  });

  test("nothing for the value of an option that takes none", () => {
    expect(after("explain", "--all=")).toEqual({ texts: [], paths: "none" });
  });
});

test("the answer is what kubectl expects of a plugin: texts with their descriptions, then a directive", () => {
  const suggestions = [
    { text: "explain", description: "say why" },
    { text: "json", description: "" },
  ];
  expect(printCompletion({ suggestions, paths: "none" })).toBe("explain\tsay why\njson\n:4\n");
  expect(printCompletion({ suggestions: [], paths: "files" })).toBe(":0\n");
  expect(printCompletion({ suggestions: [], paths: "directories" })).toBe(":16\n");
});
