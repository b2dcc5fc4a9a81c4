import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

/**
 * Command prefixes that keep what is measured on one core and the load on another, so that they
 * don't take each other's time. Both are empty on a machine with one core, or without taskset
 * (util-linux).
 */
export const CORES: { readonly server: readonly string[]; readonly load: readonly string[] } =
  availableParallelism() > 1 && spawnSync("taskset", ["-c", "0,1", "true"]).status === 0
    ? { server: ["taskset", "-c", "0"], load: ["taskset", "-c", "1"] }
    : { server: [], load: [] };
