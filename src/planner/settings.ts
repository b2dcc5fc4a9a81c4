/**
 * What an operator decides about plans. The webhook, `curfew inject` and `curfew explain` have the
 * same flags and variables.
 */
import { readFile } from "node:fs/promises";
import { oneOf, parseBoolean, type Parsed, type SettingsTable } from "../process/settings.ts";
import { parseKnownImages, type KnownImage } from "../injection/images/known-images.ts";
import { messageOf } from "../process/errors.ts";

export const PLANNER_SETTINGS = {
  strategy: {
    flag: "--strategy <name>",
    env: "CURFEW_STRATEGY",
    help: "strategy of Jobs that don't set one: auto, trap or native",
    fallback: "auto",
    parse: oneOf("auto", "trap", "native"),
  },
  nativeSidecars: {
    flag: "--native-sidecars <boolean>",
    env: "CURFEW_NATIVE_SIDECARS",
    help: "false: some nodes are older than Kubernetes 1.29, and don't support them",
    fallback: "true",
    parse: parseBoolean,
  },
  volumeMedium: {
    flag: "--volume-medium <name>",
    env: "CURFEW_VOLUME_MEDIUM",
    help: "where strategy trap's emptyDir is: memory, or disk if a policy forbids emptyDirs in memory",
    fallback: "memory",
    parse: oneOf("memory", "disk"),
  },
  knownImages: {
    flag: "--known-images <file>",
    env: "CURFEW_KNOWN_IMAGES",
    help: "YAML or JSON file that describes your own images (docs/reference.md)",
    optional: true,
    parse: loadKnownImages,
  },
} as const satisfies SettingsTable;

/**
 * Reads the operator's rows of known images from a YAML or JSON file. Never throws: what's wrong is
 * in `problems`. The YAML parser is loaded only if there's a file, as the webhook mostly has none.
 */
export async function loadKnownImages(path: string): Promise<Parsed<readonly KnownImage[]>> {
  try {
    const text = await readFile(path, "utf8");
    const { parse } = await import("./yaml.ts");
    const parsed = parseKnownImages(parse(text));
    return "problem" in parsed ? { problems: [`${path}: ${parsed.problem}`] } : { value: parsed.rows };
  } catch (error) {
    return { problems: [`${path}: ${messageOf(error)}`] };
  }
}
