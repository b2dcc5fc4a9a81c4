/**
 * Names that are part of Curfew's interface: its label, its annotations, its strategies, and the
 * path of its volume.
 */

/**
 * The label that opts a Job in. It goes on the Job itself, or in a CronJob on
 * `spec.jobTemplate.metadata`. Its value must be "true".
 */
export const ENABLED_LABEL = "curfew.sh/enabled";

export const MAIN_ANNOTATION = "curfew.sh/main";
export const SIDECARS_ANNOTATION = "curfew.sh/sidecars";
export const IGNORE_ANNOTATION = "curfew.sh/ignore";
export const STRATEGY_ANNOTATION = "curfew.sh/strategy";
export const START_TIMEOUT_ANNOTATION = "curfew.sh/start-timeout-seconds";

/** Prefixes of annotations for one container. The container's name follows the slash. */
export const COMMAND_PREFIX = "command.curfew.sh/";
export const GRACE_PERIOD_PREFIX = "grace-period-seconds.curfew.sh/";
export const SHELL_PREFIX = "shell.curfew.sh/";

/**
 * The marker on every opted-in Job that's admitted, and on its Pod template: `trap`, `native` or
 * `none` (record.ts).
 */
export const INJECTED_ANNOTATION = "curfew.sh/injected";

/** Where the shared emptyDir is mounted in every container. The hack of 2020 used the same path. */
export const MOUNT_PATH = "/usr/share/pod";

/**
 * How sidecars are stopped. `trap`: shell wrappers and a shared emptyDir. `native`: restartable
 * init containers (KEP-753).
 */
export type Strategy = "trap" | "native";
