/** The project's own image: built from the checkout's Dockerfile and handed to the node. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { versions, type Cluster } from "./cluster.ts";

const run = promisify(execFile);

/**
 * Builds the Dockerfile as `tag` and imports it into the cluster's containerd. Takes seconds if
 * nothing changed, because layers are cached.
 */
export async function importImage(cluster: Cluster, tag: string): Promise<void> {
  const archive = path.join(cluster.state, "project.tar");
  await run(path.join(import.meta.dirname, "images.sh"), ["project", tag, archive]);
  const socket = path.join(cluster.state, "run/containerd.sock");
  const ctr = path.join(versions().containerdBin, "ctr");
  await run(ctr, ["--address", socket, "--namespace", "k8s.io", "images", "import", archive]);
}
