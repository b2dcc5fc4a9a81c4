/**
 * `npm run sbom` writes dist/sbom.cdx.json: the packages that Curfew needs at run time, as npm lists
 * them, in CycloneDX. The same packages give the same bytes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { ROOT, sourceDate } from "./bundle.ts";

interface Sbom {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp: string; readonly component: Readonly<Record<string, unknown>> };
}

/**
 * npm's SBOM without what differs from run to run. Its time becomes `seconds` after 1970, or goes.
 * Its serial number is made of its content (RFC 9562: version 8). Its component is named after the
 * package: npm names it after the folder.
 */
export function reproducible(sbom: Sbom, seconds: number | undefined): object {
  const timestamp = seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();
  const component = { ...sbom.metadata.component, type: "application", name: packageJson.name };
  const content = { ...sbom, serialNumber: "", metadata: { ...sbom.metadata, timestamp, component } };
  const hex = createHash("sha256").update(JSON.stringify(content)).digest("hex");
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)];
  return { ...content, serialNumber: `urn:uuid:${uuid.join("-")}` };
}

if (import.meta.main) {
  const output = execFileSync("npm", ["sbom", "--omit=dev", "--sbom-format=cyclonedx", "--loglevel=error"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  const sbom = reproducible(JSON.parse(output) as Sbom, sourceDate());
  writeFileSync(join(ROOT, "dist/sbom.cdx.json"), `${JSON.stringify(sbom, null, 2)}\n`);
}
