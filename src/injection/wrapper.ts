/**
 * The wrapped form of a container, which is a contract between versions (docs/wrappers.md):
 *
 *     command: [SHELL, "-c", SCRIPT, "curfew"]
 *     args:    [VERSION, SPLIT, COUNT, …COUNT settings…, …the original argv…]
 *
 * `command` of this form is how every version recognises a wrapped container. SPLIT is how many leading elements of the original
 * argv came from `command`, or `-` where they came neither from `command` nor `args` (the image's own argv). COUNT lets a version
 * that does not know the settings find the original argv all the same.
 *
 * Settings of contract version 1, in order:
 *   main:    "main" DIR NAME ENV…                              its own name; ENV: NAME=$(NAME) for names that a shell drops
 *   sidecar: "sidecar" DIR MAINS POLICY GRACE HOLD START ENV…  MAINS: names, space-separated; POLICY: Never, or OnFailure where a
 *            container may be restarted in place; GRACE, HOLD, START: whole seconds (docs/wrappers.md)
 */
export const CONTRACT_VERSION = "1";
