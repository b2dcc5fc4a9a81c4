/** Sentences about the end of a Job or Pod. Times are in seconds. */
import type { ContainerPlan } from "../injection/plan.ts";
import { showName } from "../injection/quote.ts";

/** What happens at the end of a Job or Pod with this plan: whole sentences. */
export function endingOf(strategy: "trap" | "native", containers: readonly ContainerPlan[]): string[] {
  const named = (role: string) => containers.filter((container) => container.role === role);
  const mains = named("main");
  const sidecars = named("sidecar");
  const who = mains.length === 0 ? "the main containers have exited" : `${listed(mains)} ${exits(mains.length)}`;
  const when = `When ${who}, for any reason`;
  const ignored = named("ignored");
  return [
    ...(strategy === "native"
      ? [
          `${when}: ${stoppedByKubelet(sidecars)}, then KILL if it's still running at the end of the Pod's grace period.`,
          `If ${sidecars.length > 1 ? `one of ${listed(sidecars)}` : listed(sidecars)} exits earlier, kubelet restarts it, and its exit code doesn't count.`,
        ]
      : [`${when}: ${sidecars.map(stopped).join("; ")}.`]),
    ...(ignored.length > 0
      ? [
          `Curfew doesn't touch ${listed(ignored)}: the Pod runs until ${ignored.length > 1 ? "they exit by themselves" : "it exits by itself"}.`,
        ]
      : []),
  ];
}

function exits(mains: number): string {
  if (mains === 1) return "exits";
  return mains === 2 ? "have both exited" : "have all exited";
}

/** Kubelet stops native sidecars in reverse order (KEP-753). */
function stoppedByKubelet(sidecars: readonly ContainerPlan[]): string {
  const names = sidecars.map(({ name }) => showName(name)).toReversed();
  return names.length === 1
    ? `kubelet sends ${names.join()} TERM`
    : `kubelet stops ${names.join(", then ")}. Each gets TERM`;
}

function stopped({ name, gracePeriodSeconds }: ContainerPlan): string {
  return `${showName(name)} gets TERM${gracePeriodSeconds === undefined ? "" : `, then KILL if it's still running ${gracePeriodSeconds} s later`}`;
}

/** Names for a sentence: `a, b and c`. */
export function listed(containers: readonly (ContainerPlan | string)[]): string {
  const names = containers.map((each) => showName(typeof each === "string" ? each : each.name));
  return names.length < 3 ? names.join(" and ") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
