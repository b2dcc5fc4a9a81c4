/**
 * A vitest reporter that prints what the wrappers promise, by shell, as a Markdown table. `npm run
 * test:long` uses it.
 */
import type { Reporter, TestModule, TestSuite } from "vitest/node";

const MARKS = { passed: "yes", failed: "NO", skipped: "-", pending: "?" } as const;

export default class PromiseTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.flatMap((module) => [...module.children.suites()]).flatMap((suite) => rowOf(suite) ?? []);
    if (rows.length === 0) return;
    const shells = [...new Set(rows.flatMap(({ kept }) => [...kept.keys()]))];
    const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
    const table = [
      line(["promise", ...shells]),
      line(["---", ...shells.map(() => "---")]),
      ...rows.map(({ title, kept }) => line([title, ...shells.map((shell) => kept.get(shell) ?? "")])),
    ];
    console.log(`\n${table.join("\n")}\n`);
  }
}

/** A promise is a suite whose tests are named `under SHELL`. */
function rowOf(suite: TestSuite): { title: string; kept: ReadonlyMap<string, string> } | undefined {
  const kept = new Map<string, string>();
  for (const test of suite.children.tests()) {
    const shell = /^under (.*)$/.exec(test.name)?.[1];
    if (shell !== undefined) kept.set(shell, MARKS[test.result().state]);
  }
  return kept.size === 0 ? undefined : { title: suite.name.replaceAll("|", "\\|"), kept };
}
