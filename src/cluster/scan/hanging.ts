/** Whether a Pod hangs: its work is done, and something else in it doesn't end. */
import type { ContainerPlan } from "../../injection/plan.ts";
import type { LeftContainer, PodState } from "./pod.ts";

export type Roles = ReadonlyMap<string, ContainerPlan["role"]>;

/** Why it's not certain, in words that complete "perhaps, because". */
export const DOUBTS = {
  "roles-unclear": "it isn't clear whether what still runs is a sidecar or main",
  "just-ended": "the work has only just ended, so the sidecar may still end by itself",
  "ends-by-itself": "everything that still runs should end by itself",
} as const;

export type Doubt = keyof typeof DOUBTS;

export interface Verdict {
  /** Undefined: it certainly hangs. */
  readonly doubt: Doubt | undefined;
  /** When the work ended, in milliseconds since 1970. Undefined: kubelet has forgotten. */
  readonly since: number | undefined;
  /** What hasn't ended. */
  readonly left: readonly LeftContainer[];
}

export interface Circumstances {
  readonly roles: Roles;
  /** The API server's clock, in milliseconds since 1970. */
  readonly now: number;
  /** How long sidecars may take to end, in milliseconds. */
  readonly graceMs: number;
  /** Curfew injected it, so its sidecars are told to end. */
  readonly isInjected: boolean;
}

/** kubelet reports what happened at most this much later. */
const REPORT_MS = 10_000;

/**
 * Undefined: it doesn't hang. A Pod whose main containers still work doesn't, whatever has ended
 * next to them, and neither does one in which only sidecars have ended.
 */
export function verdictOn({ ended, left }: PodState, circumstances: Circumstances): Verdict | undefined {
  const { roles, now, graceMs, isInjected } = circumstances;
  const roleOf = ({ name }: { readonly name: string }) => roles.get(name) ?? "unclear";
  const worked = ended.filter((each) => roleOf(each) === "main" || roleOf(each) === "unclear");
  if (left.length === 0 || worked.length === 0 || left.some((each) => roleOf(each) === "main")) return undefined;
  const times = worked.flatMap(({ finishedAt }) => finishedAt ?? []);
  const since = times.length === 0 ? undefined : Math.max(...times);
  const isOver = since === undefined || now - since > graceMs + (isInjected ? REPORT_MS : 0);
  const verdict = (doubt?: Doubt): Verdict => ({ doubt, since, left });
  if (left.some((each) => roleOf(each) === "unclear")) return verdict("roles-unclear");
  if (left.every((each) => roleOf(each) === "ignored")) return isOver ? verdict("ends-by-itself") : undefined;
  if (isOver) return verdict();
  return isInjected ? undefined : verdict("just-ended");
}
