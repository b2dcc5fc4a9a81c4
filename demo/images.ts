/**
 * The demo's images: scripts with the names of the real commands. When a Job ends, they behave like
 * the real ones.
 */
import { fileURLToPath } from "node:url";
import type { Image } from "../sim/pods/pod.ts";

const commandsOf = (name: string): string => fileURLToPath(new URL(`../demo/images/${name}/`, import.meta.url));

const IMAGES: Readonly<Record<string, Image>> = {
  "buildkite/agent:3": {
    entrypoint: ["buildkite-agent-entrypoint"],
    cmd: ["start"],
    commands: commandsOf("buildkite-agent"),
  },
  "docker:27-dind": { entrypoint: ["dockerd-entrypoint.sh"], cmd: [], commands: commandsOf("dind") },
};

/** The image for a reference. Undefined: the demo has no such image. */
export function pull(reference: string): Image | undefined {
  return IMAGES[reference];
}
