import { describe, expect, test } from "vitest";
import { readScript, stripScript } from "../../../../scripts/embed-scripts.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../../src/injection/wrapper/scripts.generated.ts";
import { expand } from "../../../../sim/pods/expand.ts";

describe.for([
  ["main", MAIN_SCRIPT],
  ["sidecar", SIDECAR_SCRIPT],
] as const)("the %s's script", ([role, embedded]) => {
  test("reaches the shell as it is written, through Kubernetes' expansion", () => {
    const everything = Object.fromEntries(
      [...embedded.matchAll(/\$\(([^)]*)\)/g)].map(([, name = ""]): [string, string] => [name, "expanded"]),
    );
    expect(expand(embedded, everything)).toBe(stripScript(readScript(role)));
  });

  test("reads no clock that can be set, so that none that jumps matters", () => {
    expect(embedded).toMatch(/\bsleep\b/);
    expect(embedded).not.toMatch(/\bdate\b|SECONDS|EPOCH|timeout|read -t/);
  });

  test("is small, as every Job carries it: at most 5.5 KiB", () => {
    expect(Buffer.byteLength(embedded)).toBeLessThanOrEqual(5632);
  });

  test("holds nothing that YAML or JSON would have to escape beyond newlines and quotes", () => {
    expect(embedded).toMatch(/^[\n\x20-\x7e]*$/);
  });
});

/** The cases are those of expand_test.go in kubernetes/kubernetes, third_party/forked/golang/expansion. */
test.for([
  ["$(VAR_A)", "A"],
  ["___$(VAR_B)___", "___B___"],
  ["$(VAR_A)_1", "A_1"],
  ["$(VAR_X)", "$(VAR_X)"],
  ["$$(VAR_A)", "$(VAR_A)"],
  ["$$$(VAR_A)", "$A"],
  ["$$$$(VAR_A)", "$$(VAR_A)"],
  ["$(VAR_EMPTY)", ""],
  ["$(VAR_REF)", "$(VAR_A)"],
  ["$(VAR_A", "$(VAR_A"],
  ["$(VAR_A))", "A)"],
  ["$((VAR_A))", "$((VAR_A))"],
  ["$VAR_A$", "$VAR_A$"],
  ["$()", "$()"],
  ["\n$(VAR_A)\n", "\nA\n"],
] as const)("expand(%j) is %j, as kubelet's", ([text, expanded]) => {
  expect(expand(text, { VAR_A: "A", VAR_B: "B", VAR_EMPTY: "", VAR_REF: "$(VAR_A)" })).toBe(expanded);
});
