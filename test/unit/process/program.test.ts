import { expect, test } from "vitest";
import { asTyped, programName } from "../../../src/process/program.ts";

test.each([
  ["/app/bin/curfew.js", "curfew"],
  ["/usr/local/bin/curfew", "curfew"],
  ["/home/me/.krew/bin/kubectl-curfew", "kubectl curfew"],
  ["/opt/node_modules/curfew/bin/kubectl-curfew.js", "kubectl curfew"],
  ["/usr/local/bin/kubectl_complete-curfew", "kubectl curfew"],
  ["/home/kubectl-fans/bin/curfew", "curfew"],
  [undefined, "curfew"],
])("the program that runs as %s is called %s", (script, name) => {
  expect(programName(script)).toBe(name);
});

test("a help's examples are as the user types them", () => {
  const typed = (text: string): string => asTyped(text, "kubectl curfew");
  expect(typed("cat a | curfew inject -f -")).toBe("cat a | kubectl curfew inject -f -");
  expect(typed("Usage: kubectl curfew inject")).toBe("Usage: kubectl curfew inject");
  expect(asTyped("curfew inject", "curfew")).toBe("curfew inject");
});

test("what runs in a container keeps its name, and so do files and labels", () => {
  const text = "kubectl exec deploy/curfew-certs -- curfew certs status; curfew.sh/enabled, /etc/curfew, bin/curfew x";
  expect(asTyped(text, "kubectl curfew")).toBe(text);
});
