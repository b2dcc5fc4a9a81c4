/**
 * What people type to run this program. The package installs it as `curfew`, and as
 * `kubectl-curfew`, which kubectl runs as `kubectl curfew`.
 */
import { basename } from "node:path";

/** `curfew` or `kubectl curfew`: for usage lines, examples and messages. */
export const PROGRAM = programName(process.argv[1]);

/**
 * The name for the path of a script. kubectl's plugins are called `kubectl-NAME`, and what completes
 * their command lines is called `kubectl_complete-NAME`:
 * https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
 */
export function programName(script = ""): "curfew" | "kubectl curfew" {
  return /^kubectl[-_]/.test(basename(script)) ? "kubectl curfew" : "curfew";
}

/**
 * A text that names commands, such as a help's examples, as the user of `program` would type them:
 * `curfew inject` becomes `kubectl curfew inject`. What runs in a container, after `--`, stays.
 */
export function asTyped(text: string, program: string = PROGRAM): string {
  return program === "curfew" ? text : text.replaceAll(/(?<!kubectl |-- |[\w./-])curfew (?=[A-Za-z])/g, `${program} `);
}
