import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { argvOf, shellOf } from "../../../../src/injection/argv.ts";
import { parseAnnotations, type JobSettings } from "../../../../src/injection/annotations.ts";
import type { KnownImage } from "../../../../src/injection/images/known-images.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../../src/injection/wrapper/scripts.generated.ts";
import { unwrap, wrap } from "../../../../src/injection/wrapper/wrapper.ts";
import { expand } from "../../../../sim/pods/expand.ts";
import { law } from "../../../support/law.ts";

const settingsOf = (annotations: Record<string, string> = {}): JobSettings => parseAnnotations(annotations).settings;
const annotated = settingsOf({ "command.curfew.sh/c": '["/annotated", "x"]', "shell.curfew.sh/s": "/opt/ash" });
const image: KnownImage = { image: "i", entrypoint: ["/entry", "$(HOME)"], cmd: ["run", "$$"], shell: "/bin/ash" };

describe("argv is what Kubernetes would run", () => {
  test.each([
    ["only command", { command: ["a", "b"] }, image, ["a", "b"], "manifest"],
    ["command and args", { command: ["a"], args: ["b", "$(C)"] }, image, ["a", "b", "$(C)"], "manifest"],
    ["args and a known image", { args: ["b"] }, image, ["/entry", "$$(HOME)", "b"], "known-image"],
    ["only a known image", {}, image, ["/entry", "$$(HOME)", "run", "$$$$"], "known-image"],
    [
      "empty lists and a known image",
      { command: [], args: [] },
      image,
      ["/entry", "$$(HOME)", "run", "$$$$"],
      "known-image",
    ],
    [
      "null and a known image",
      { command: null, args: null },
      image,
      ["/entry", "$$(HOME)", "run", "$$$$"],
      "known-image",
    ],
    ["args and an image without ENTRYPOINT", { args: ["b"] }, { image: "i", entrypoint: [] }, ["b"], "known-image"],
    ["an image whose CMD isn't known", {}, { image: "i", entrypoint: ["e"] }, undefined, undefined],
    ["an image with neither ENTRYPOINT nor CMD", {}, { image: "i", entrypoint: [], cmd: [] }, undefined, undefined],
    ["an image with only its shell known", { args: ["b"] }, { image: "i", shell: "/bin/sh" }, undefined, undefined],
    ["an unknown image", { args: ["b"] }, undefined, undefined, undefined],
  ] as const)("%s", (_, fields, known, elements, source) => {
    const argv = argvOf({ name: "x", ...fields }, settingsOf(), known);
    expect(argv?.elements).toEqual(elements);
    expect(argv?.source).toBe(source);
  });

  test("an annotation replaces the image's entry point like command does, and args are appended", () => {
    expect(argvOf({ name: "c", args: ["y"] }, annotated, image)?.elements).toEqual(["/annotated", "x", "y"]);
    expect(argvOf({ name: "c" }, annotated, undefined)?.elements).toEqual(["/annotated", "x"]);
  });
});

describe("the shell is", () => {
  test.each([
    ["the one that argv starts", "x", ["/usr/bin/bash", "-c"], undefined, "/usr/bin/bash", true],
    ["the one that argv starts, found by PATH", "x", ["dash"], undefined, "dash", true],
    ["the one that argv starts, even if the image seems to have none", "x", ["sh"], false, "sh", true],
    ["the annotation's", "s", ["/bin/bash"], undefined, "/opt/ash", true],
    ["the known image's", "x", ["/app"], "/busybox/sh", "/busybox/sh", true],
    ["/bin/sh, not evident, for another shell", "x", ["/bin/zsh"], undefined, "/bin/sh", false],
    ["/bin/sh, not evident, for a relative path", "x", ["bin/sh"], undefined, "/bin/sh", false],
    ["/bin/sh, not evident, for what Kubernetes expands", "x", ["$(BIN)/sh"], undefined, "/bin/sh", false],
  ] as const)("%s", (_, name, elements, known, path, evident) => {
    const row = known === undefined ? undefined : { image: "i", shell: known };
    expect(shellOf({ name }, elements, annotated, row)).toEqual({ path, evident });
  });

  test("none if the image is known to have none", () => {
    expect(shellOf({ name: "x" }, ["/app"], settingsOf(), { image: "i", shell: false })).toBeUndefined();
  });
});

describe("wrapping", () => {
  const element = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("$(X)", "$$", "", "-", "curfew", "main", "1"),
  );
  const list = fc.array(element, { maxLength: 4 });

  law(
    "can be undone: command and args come back as they were",
    fc.property(list, list, fc.constantFrom("command", "annotation", "image"), list, (own, args, from, settings) => {
      const leading = ["/app", ...own];
      const known: KnownImage = { image: "i", entrypoint: ["/app"], cmd: own };
      const annotations = settingsOf(from === "annotation" ? { "command.curfew.sh/x": JSON.stringify(leading) } : {});
      const argv = argvOf({ name: "x", args, ...(from === "command" ? { command: leading } : {}) }, annotations, known);
      if (!argv) throw new Error("The argv should be known.");
      const wrapped = wrap("/bin/sh", MAIN_SCRIPT, ["main", ...settings], argv);
      expect(unwrap({ name: "x", ...wrapped })).toEqual({
        role: "main",
        current: true,
        command: from === "command" ? leading : undefined,
        args: args.length > 0 ? args : undefined,
        argv: argv.elements,
      });
    }),
  );

  test.each([
    ["another command", { command: ["/bin/sh", "-c", "true"] }],
    ["another name", { command: ["/bin/sh", "-c", "true", "sh"], args: ["1", "-", "1", "main", "x"] }],
    ["another option", { command: ["/bin/sh", "-ec", "true", "curfew"], args: ["1", "-", "1", "main", "x"] }],
    ["more elements", { command: ["/bin/sh", "-c", "true", "curfew", "x"], args: ["1", "-", "1", "main", "x"] }],
    ["nothing at all", {}],
    ["null", { command: null, args: null }],
  ])("isn't seen in %s", (_, container) => {
    expect(unwrap({ name: "x", ...container })).toBeUndefined();
  });

  test.each([
    ["no arguments", []],
    ["a version that isn't a number", ["x", "-", "1", "main", "x"]],
    ["an empty split", ["1", "", "1", "main", "x"]],
    ["a split that isn't a number", ["1", "1x", "1", "main", "x"]],
    ["a count that isn't a number", ["1", "-", "-1", "main", "x"]],
    ["a count too low to include the role", ["1", "-", "0", "main", "x"]],
    ["a count beyond the end", ["1", "-", "9", "main", "x"]],
    ["an endless count", ["1", "-", "9".repeat(400), "main", "x"]],
    ["no argv", ["1", "-", "1", "main"]],
    ["a split beyond the end", ["1", "2", "1", "main", "x"]],
    ["an unknown role", ["1", "-", "1", "helper", "x"]],
  ])("is broken by %s", (_, args) => {
    expect(unwrap({ name: "x", command: ["/bin/sh", "-c", "any script", "curfew"], args })).toBe("broken");
  });

  test("by a later version is undone with only COUNT and SPLIT", () => {
    const command = ["/bin/sh", "-c", "later script", "curfew"];
    expect(unwrap({ name: "x", command, args: ["7", "1", "4", "sidecar", "a", "b", "c", "/app", "x"] })).toEqual({
      role: "sidecar",
      current: false,
      command: ["/app"],
      args: ["x"],
      argv: ["/app", "x"],
    });
  });
});

test.each([
  ["main.sh", MAIN_SCRIPT],
  ["sidecar.sh", SIDECAR_SCRIPT],
])("%s comes out of Kubernetes' expansion the same, whatever the variables are", (_, script) => {
  const names = [...script.matchAll(/\$\(([^)]*)\)/g)].map(([, name]) => name ?? "");
  const hostile = Object.fromEntries(names.map((name) => [name, "HARM"]));
  expect(expand(script, hostile)).toBe(expand(script, {}));
  expect(expand(script, hostile)).not.toContain("HARM");
});
