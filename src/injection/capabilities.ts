/** What a security context lets a container's wrapper do. */
import type { Container, PodSpec } from "./job.ts";

/**
 * The wrapper may not signal an app that has changed its user, as gosu, su-exec and setpriv do: that takes the capability KILL (kill(2)),
 * and to change it takes root and SETUID. Containers have both unless they are dropped. Who isn't root may change by a program that is
 * setuid, which no manifest shows.
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
