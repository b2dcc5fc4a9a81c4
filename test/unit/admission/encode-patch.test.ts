import fc from "fast-check";
import { expect } from "vitest";
import { encodePatch } from "../../../src/admission/encode-patch.ts";
import type { PatchOperation } from "../../../src/injection/plan.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../src/injection/wrapper/scripts.generated.ts";
import { law } from "../../support/law.ts";

/** Any UTF-16 code unit, including half a surrogate pair. */
const codeUnit = fc.oneof(fc.nat(0x7f), fc.nat(0xffff)).map((code) => String.fromCharCode(code));

const path = fc.string({ unit: codeUnit });
const element = fc.oneof(fc.jsonValue(), fc.string({ unit: codeUnit }), fc.constantFrom(MAIN_SCRIPT, SIDECAR_SCRIPT));
const value: fc.Arbitrary<unknown> = fc.oneof(fc.jsonValue(), fc.constant(MAIN_SCRIPT), fc.array(element));
const operation = fc.oneof(
  fc.record({ op: fc.constantFrom("add", "replace"), path, value }),
  fc.record({ op: fc.constant("remove"), path }),
  fc.record({ op: fc.constant("move"), from: path, path }),
) as fc.Arbitrary<PatchOperation>;

law(
  "any patch becomes one piece of base64, which decodes to what JSON.stringify gives",
  fc.property(fc.array(operation), (patch) => {
    const encoded = encodePatch(patch);
    expect(encoded).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
    const decoded: unknown = JSON.parse(Buffer.from(encoded, "base64").toString());
    expect(decoded).toEqual(JSON.parse(Buffer.from(JSON.stringify(patch)).toString()));
  }),
);
