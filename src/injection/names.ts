/**
 * Names that are part of Curfew's interface: its label, its annotations, its strategies, and the
 * path of its volume.
 */

/**
 * Opts in if it's "true", and out if it's "false": a label or annotation on a Job (in a CronJob on
 * `spec.jobTemplate.metadata`), a label on a Pod or on a Pod template, or a label on a Namespace.
 */
export const ENABLED_KEY = "curfew.sh/enabled";

export const MAIN_ANNOTATION = "curfew.sh/main";
export const SIDECARS_ANNOTATION = "curfew.sh/sidecars";
export const IGNORE_ANNOTATION = "curfew.sh/ignore";
export const STRATEGY_ANNOTATION = "curfew.sh/strategy";
export const START_TIMEOUT_ANNOTATION = "curfew.sh/start-timeout-seconds";
export const LATE_CONTAINERS_ANNOTATION = "curfew.sh/late-containers";

/** Prefixes of annotations for one container. The container's name follows the slash. */
export const COMMAND_PREFIX = "command.curfew.sh/";
export const GRACE_PERIOD_PREFIX = "grace-period-seconds.curfew.sh/";
export const SHELL_PREFIX = "shell.curfew.sh/";

/**
 * The marker on every opted-in Job that's admitted, and on its Pod template: `trap`, `native` or
 * `none` (record.ts). On a Job's Pod template it's a label, too, by which a webhook entry selects
 * the Job's Pods.
 */
export const INJECTED_KEY = "curfew.sh/injected";

/** On a Pod: the late containers that became native sidecars, and those that were left as they are. */
export const LATE_MOVED_ANNOTATION = "curfew.sh/late-containers-moved";
export const LATE_LEFT_ANNOTATION = "curfew.sh/late-containers-left";

/** Where the shared emptyDir is mounted in every container. The hack of 2020 used the same path. */
export const MOUNT_PATH = "/usr/share/pod";

/**
 * How sidecars are stopped. `trap`: shell wrappers and a shared emptyDir. `native`: restartable
 * init containers (KEP-753).
 */
export type Strategy = "trap" | "native";
