import { stripVTControlCharacters } from "node:util";
import { expect, it } from "vitest";
import { bad, good, warning } from "../../../../src/cluster/check/finding.ts";
import { reportJson } from "../../../../src/cluster/check/report-json.ts";
import { reportText } from "../../../../src/cluster/check/report-text.ts";

const GROUPS = [
  { title: "Kubernetes", findings: [{ check: "kubernetes-version", ...good("version v1.36.2") }] },
  {
    title: "Deployments",
    findings: [
      { check: "deployments", ...bad("0 of 2 Pods are ready", "see why", "https://curfew.sh/docs/x#y") },
      {
        check: "deployments",
        ...warning("said by\n\tthe API server ".repeat(5).trim(), "wait", "https://curfew.sh/docs/x#z"),
      },
    ],
  },
];

it("a report for people has a line for each finding, what to do about it and where to read, in the given width", () => {
  const text = stripVTControlCharacters(reportText(GROUPS, 60));
  expect(text).toBe(`Kubernetes
  ✔ version v1.36.2

Deployments
  ✖ 0 of 2 Pods are ready
      what to do: see why
      https://curfew.sh/docs/x#y
  ‼ said by the API server said by the API server said by
    the API server said by the API server said by the API
    server
      what to do: wait
      https://curfew.sh/docs/x#z

✖ 1 to fix, ‼ 1 to look at
`);
});

it("a report for people says once what to do about several findings in a row", () => {
  const finding = (text: string) => ({ check: "x", ...bad(text, "ask for it", "https://curfew.sh/docs/x#y") });
  const other = { check: "x", ...bad("third", "wait", "https://curfew.sh/docs/x#y") };
  const groups = [
    { title: "A", findings: [finding("first"), finding("second"), other] },
    { title: "B", findings: [finding("fourth")] },
  ];
  expect(stripVTControlCharacters(reportText(groups, 60))).toBe(`A
  ✖ first
  ✖ second
      what to do: ask for it
      https://curfew.sh/docs/x#y
  ✖ third
      what to do: wait
      https://curfew.sh/docs/x#y

B
  ✖ fourth
      what to do: ask for it
      https://curfew.sh/docs/x#y

✖ 4 to fix
`);
});

it("a report for people can't steer the terminal, whatever a webhook or an event says", () => {
  const message = "refused\u001B]0;title\u0007\u009B2J\u202E by\r\nsomebody";
  const findings = [{ check: "x", ...bad(message, message, "https://curfew.sh/docs/x#y") }];
  const text = stripVTControlCharacters(reportText([{ title: "x", findings }], 200)).replaceAll("\n", "");
  expect(text).toContain("refused\\u001b]0;title\\u0007\\u009b2J\\u202e by somebody");
  expect(text).not.toMatch(/\p{C}/u);
});

it("a report for people says so if all is well", () => {
  expect(stripVTControlCharacters(reportText(GROUPS.slice(0, 1), 80))).toContain("\n✔ all is well\n");
});

it("a report for programs has the worst mark, the counts, and each finding with its check's name", () => {
  expect(JSON.parse(reportJson(GROUPS, { pre: true, version: "0.1.0" }))).toMatchObject({
    ...{ schemaVersion: 1, pre: true, version: "0.1.0", result: "bad", bad: 1, warnings: 1 },
    groups: [
      { title: "Kubernetes", findings: [{ check: "kubernetes-version", mark: "good" }] },
      { title: "Deployments" },
    ],
  });
  expect(JSON.parse(reportJson(GROUPS.slice(0, 1), { pre: true, version: "0.1.0" }))).toMatchObject({ result: "good" });
});
