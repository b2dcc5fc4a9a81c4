/** What an operator decides about plans: the same flags and variables for the webhook and for `curfew inject` and `explain`. */
import { readFile } from "node:fs/promises";
import { oneOf, parseBoolean, type Parsed, type SettingsTable } from "../process/settings.ts";
import { parseKnownImages, type KnownImage } from "../injection/images/known-images.ts";
import { messageOf } from "../process/errors.ts";

export const PLANNER_SETTINGS = {
  strategy: {
    flag: "--strategy <name>",
    env: "CURFEW_STRATEGY",
    help: "for Jobs that do not say: auto, trap or native",
    fallback: "auto",
    parse: oneOf("auto", "trap", "native"),
  },
  nativeSidecars: {
    flag: "--native-sidecars <boolean>",
    env: "CURFEW_NATIVE_SIDECARS",
    help: "false: some nodes are older than Kubernetes 1.29, which first had them",
    fallback: "true",
    parse: parseBoolean,
  },
  volumeMedium: {
    flag: "--volume-medium <name>",
    env: "CURFEW_VOLUME_MEDIUM",
    help: "where the emptyDir of strategy trap is: memory, or disk if a policy forbids emptyDirs in memory",
    fallback: "memory",
    parse: oneOf("memory", "disk"),
  },
  knownImages: {
    flag: "--known-images <file>",
    env: "CURFEW_KNOWN_IMAGES",
    help: "rows for images of your own, YAML or JSON (docs/reference.md)",
    optional: true,
    parse: loadKnownImages,
  },
} as const satisfies SettingsTable;

/**
 * The operator's rows of known images from a YAML or JSON file, or what is wrong with it. The YAML parser is loaded only if there is
 * something for it.
 */
export async function loadKnownImages(path: string): Promise<Parsed<readonly KnownImage[]>> {
  try {
    const text = await readFile(path, "utf8");
    const { parse } = await import("yaml");
    const parsed = parseKnownImages(parse(text));
    return "problem" in parsed ? { problems: [`${path}: ${parsed.problem}`] } : { value: parsed.rows };
  } catch (error) {
    return { problems: [`${path}: ${messageOf(error)}`] };
  }
}
