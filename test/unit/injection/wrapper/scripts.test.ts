import { describe, expect, test } from "vitest";
import { readScript, stripScript } from "../../../../scripts/embed-scripts.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../../src/injection/wrapper/scripts.generated.ts";
import { expand } from "../../../../sim/pods/expand.ts";

describe.for([
  ["main", MAIN_SCRIPT],
  ["sidecar", SIDECAR_SCRIPT],
] as const)("the script for the %s", ([role, embedded]) => {
  test("reaches the shell as it's written, through Kubernetes' expansion", () => {
    const everything = Object.fromEntries(
      [...embedded.matchAll(/\$\(([^)]*)\)/g)].map(([, name = ""]): [string, string] => [name, "expanded"]),
    );
    expect(expand(embedded, everything)).toBe(stripScript(readScript(role)));
  });

  test("reads no clock that can be set, so a clock that jumps doesn't matter", () => {
    expect(embedded).toMatch(/\bsleep\b/);
    expect(embedded).not.toMatch(/\bdate\b|SECONDS|EPOCH|timeout|read -t/);
  });

  test("is at most 5.5 KiB, since every Job carries it", () => {
    expect(Buffer.byteLength(embedded)).toBeLessThanOrEqual(5632);
  });

  test("needs no escapes in YAML or JSON except for newlines and quotes", () => {
    expect(embedded).toMatch(/^[\n\x20-\x7e]*$/);
  });
});

/**
 * The cases come from expand_test.go in kubernetes/kubernetes, third_party/forked/golang/expansion.
 */
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
] as const)("expand(%j) is %j, as in kubelet", ([text, expanded]) => {
  expect(expand(text, { VAR_A: "A", VAR_B: "B", VAR_EMPTY: "", VAR_REF: "$(VAR_A)" })).toBe(expanded);
});
