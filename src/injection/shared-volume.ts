/** The emptyDir that the wrappers of a Pod share, and what is mounted at its path already. */
import type { Container, Volume, VolumeMount } from "./job.ts";
import { MOUNT_PATH } from "./names.ts";
import type { Survey, SurveyedContainer } from "./survey.ts";

/**
 * The name of the volume in the hack of 2020. If something else has it, Curfew uses another name.
 */
const VOLUME_NAME = "tmp-pod";

export interface SharedVolume {
  /**
   * The emptyDir that's already mounted at the path: by an earlier pass, or by somebody who applied
   * the hack by hand.
   */
  readonly existing: string | undefined;
  /** The containers that have something else there. */
  readonly problems: ReadonlySet<Container>;
}

/** Looks for what's already mounted at the wrapper's path, above it or below it. */
export function sharedVolume({ spec, containers }: Survey): SharedVolume {
  const problems = new Set<Container>();
  let existing: string | undefined;
  // An ignored container can wait for `done` by hand. Anything else that it mounts there does no
  // harm.
  const ignored = containers.filter(isIgnored);
  const ignoredLast = ignored.length === 0 ? containers : [...containers.filter((one) => !isIgnored(one)), ...ignored];
  for (const surveyed of ignoredLast) {
    const { container, role } = surveyed;
    for (const mount of container.volumeMounts ?? []) {
      const path = resolve(mount.mountPath);
      if (!`${path}/`.startsWith(`${MOUNT_PATH}/`) && !`${MOUNT_PATH}/`.startsWith(`${path}/`)) continue;
      const volume = (spec.volumes ?? []).find(({ name }) => name === mount.name);
      // The policy that backs up the webhook is in CEL, and can't resolve a path with `..`.
      const named = path === MOUNT_PATH && !mount.mountPath.includes("..");
      const usable = named && volume && isEmptyDir(volume) && !mount.subPath && !mount.subPathExpr;
      const writable = role !== "main" || mount.readOnly !== true;
      if (usable && writable && (existing ?? mount.name) === mount.name) existing = mount.name;
      else if (!isIgnored(surveyed)) problems.add(container);
    }
  }
  return { existing, problems };
}

function isIgnored({ role }: SurveyedContainer): boolean {
  return role === "ignored";
}

/**
 * A volume without a source is an emptyDir, too (kubernetes/kubernetes,
 * pkg/apis/core/v1/defaults.go, SetDefaults_Volume).
 */
function isEmptyDir(volume: Volume): boolean {
  return volume.emptyDir != null || Object.entries(volume).every(([field, value]) => field === "name" || value == null);
}

/** Whether a mount is at the wrapper's path, however it's written. */
export function isAtMountPath({ mountPath }: VolumeMount): boolean {
  return resolve(mountPath) === MOUNT_PATH;
}

/**
 * Resolves a path as the kernel does: `/usr//share/./pod/` is /usr/share/pod. The root is the empty
 * string.
 */
function resolve(path: string): string {
  if (IS_RESOLVED.test(path)) return path;
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(`/${name}`);
  }
  return names.join("");
}

/** Matches a path that {@link resolve} wouldn't change, like that of nearly every mount. */
const IS_RESOLVED = /^(?:\/[^/.][^/]*)+$/;

/** A name for the volume that no other has. */
export function freeName(volumes: readonly Volume[]): string {
  const isTaken = (candidate: string): boolean => volumes.some(({ name }) => name === candidate);
  let name = VOLUME_NAME;
  for (let number = 2; isTaken(name); number += 1) name = `${VOLUME_NAME}-${number}`;
  return name;
}
