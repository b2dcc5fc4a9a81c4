import { spawn } from "node:child_process";
import path from "node:path";
import { versions } from "../../test/cluster/harness/cluster.ts";

export interface ContainerdExits {
  /**
   * When the container's first process ended, in milliseconds since 1970 with their fractions;
   * undefined before that.
   */
  readonly of: (containerId: string) => number | undefined;
  readonly close: () => void;
}

/**
 * Listens for the ends of containers. The time is from the shim, which reaps the process, to the
 * nanosecond. A Pod's status only has seconds.
 * https://github.com/containerd/containerd/blob/main/api/events/task.proto: TaskExit
 */
export function listenForExits(socket: string): ContainerdExits {
  const ctr = path.join(versions().containerdBin, "ctr");
  const child = spawn(ctr, ["--address", socket, "--namespace", "k8s.io", "events"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exits = new Map<string, number>();
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, json] = / \/tasks\/exit (\{.*\})$/.exec(line) ?? [];
      if (json === undefined) continue;
      const { id, container_id, exited_at } = JSON.parse(json) as TaskExit;
      // An exec's end has its own id.
      if (id === container_id) exits.set(container_id, exited_at.seconds * 1000 + (exited_at.nanos ?? 0) / 1e6);
    }
  });
  return {
    of: (containerId) => exits.get(containerId.replace("containerd://", "")),
    close() {
      child.kill();
    },
  };
}

interface TaskExit {
  readonly id: string;
  readonly container_id: string;
  readonly exited_at: { readonly seconds: number; readonly nanos?: number };
}
