import { expect, test } from "vitest";
import { reproducible } from "../../../scripts/sbom.ts";

/** As npm writes it in a checkout's folder, now. */
const npms = (folder: string, now: string, version = "1.0.0") => ({
  bomFormat: "CycloneDX",
  serialNumber: `urn:uuid:${crypto.randomUUID()}`,
  metadata: { timestamp: now, component: { name: folder, type: "library", version } },
  components: [],
});

test("the same packages give the same SBOM, wherever and whenever npm lists them", () => {
  const here = reproducible(npms("here", "2026-12-01T10:00:00.000Z"), 1_700_000_000);
  expect(reproducible(npms("there", "2027-12-01T10:00:00.000Z"), 1_700_000_000)).toEqual(here);
  expect(here).toMatchObject({
    metadata: { timestamp: "2023-11-14T22:13:20.000Z", component: { name: "curfew", type: "application" } },
  });
});

test("other packages have another serial number, which is a UUID", () => {
  const [a, b] = ["1.0.0", "1.0.1"].map((version) => reproducible(npms("here", "", version), 1)) as {
    serialNumber: string;
  }[];
  expect(a?.serialNumber).not.toBe(b?.serialNumber);
  expect(a?.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("without a commit to date it, the SBOM has no time", () => {
  expect(JSON.stringify(reproducible(npms("here", "2026-12-01T10:00:00.000Z"), undefined))).not.toContain("timestamp");
});
