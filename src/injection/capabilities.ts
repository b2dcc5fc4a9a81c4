/** What a security context lets a container's wrapper do. */
import type { Container, PodSpec } from "./job.ts";

/**
 * Whether the app can change its user, as gosu, su-exec and setpriv do, so that the wrapper can't
 * signal it any more. Signalling another user's process takes the capability KILL (kill(2)), and
 * changing the user takes root and SETUID. Containers have both capabilities unless they're
 * dropped. A container that isn't root could change its user with a setuid program, but no manifest
 * shows that.
 */
export function cannotSignal({ securityContext: ofPod }: PodSpec, { securityContext }: Container): boolean {
  const { add, drop } = securityContext?.capabilities ?? {};
  if (!drop || drop.length === 0 || securityContext?.privileged === true) return false;
  const isIn = (list: readonly string[] | null | undefined, name: string): boolean =>
    (list ?? []).some((each) => ["ALL", name].includes(each.toUpperCase().replace(/^CAP_/, "")));
  const has = (name: string): boolean => isIn(add, name) || !isIn(drop, name);
  const user = securityContext?.runAsUser ?? ofPod?.runAsUser ?? 0;
  const isNotRoot = user !== 0 || (securityContext?.runAsNonRoot ?? ofPod?.runAsNonRoot) === true;
  return !isNotRoot && has("SETUID") && !has("KILL");
}
