/**
 * A Pod's containers as processes: what kubelet and a container runtime make of `command`, `args`,
 * `env` and emptyDir volumes. A volume is a temporary folder, whose path replaces the mount path
 * wherever that occurs in argv, so that nothing else has to exist. There are no probes, restarts or
 * init containers.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { ContainerObject, PodSpecObject } from "../api-server/store.ts";
import { Container, type Mount } from "./container.ts";
import { expand } from "./expand.ts";

/** What a process needs from an image: its argv, and a folder whose commands come first in PATH. */
export interface Image {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly commands: string;
}

/** Finds an image by its reference, as a node pulls it. */
export type Pull = (reference: string) => Image | undefined;

export interface Pod {
  readonly containers: ReadonlyMap<string, Container>;
  /** Kills what is left and removes the volumes. */
  readonly remove: () => void;
}

interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

/**
 * Starts all containers at once.
 * @throws if there's no such image, as kubelet couldn't start the container.
 */
export function startPod(spec: PodSpecObject, pull: Pull): Pod {
  const volumes = new Map<string, string>();
  const folderOf = (volume: string): string => {
    const folder = volumes.get(volume) ?? mkdtempSync(join(tmpdir(), `curfew-${volume}-`));
    volumes.set(volume, folder);
    return folder;
  };
  const containers = new Map<string, Container>();
  const remove = (): void => {
    for (const container of containers.values()) container.remove();
    for (const folder of volumes.values()) rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const container of spec.containers) {
      const image = pull(container.image ?? "");
      if (!image) throw new Error(`ErrImagePull: there is no image ${String(container.image)}`);
      containers.set(container.name, startContainer(container, image, folderOf));
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { containers, remove };
}

function startContainer(container: ContainerObject, image: Image, folderOf: (volume: string) => string): Container {
  const mounted = ((container["volumeMounts"] ?? []) as readonly VolumeMount[]).map(({ name, mountPath, readOnly }) => {
    return { mountPath, source: folderOf(name), readOnly: readOnly ?? false };
  });
  const env: Record<string, string> = {};
  for (const { name, value } of container.env ?? []) env[name] = expand(value ?? "", env);
  const place = (text: string): string =>
    mounted.reduce((placed, { mountPath, source }) => placed.replaceAll(mountPath, source), text);
  const mounts: readonly Mount[] = mounted.map(({ source, readOnly }) => ({ source, readOnly }));
  const argv = argvOf(container, image).map((element) => place(expand(element, env)));
  const path = [image.commands, "/usr/local/bin", "/usr/bin", "/bin"].join(delimiter);
  return new Container({ argv, mounts, env: { PATH: path, ...env } });
}

/** https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/ */
function argvOf({ command = [], args = [] }: ContainerObject, { entrypoint, cmd }: Image): readonly string[] {
  if (command.length > 0) return [...command, ...args];
  return [...entrypoint, ...(args.length > 0 ? args : cmd)];
}
