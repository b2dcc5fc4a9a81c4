/**
 * Containers that another webhook added to a Pod after Curfew had planned it: a mesh's proxy, an
 * agent for secrets or logs. Each one that isn't in the record on the Pod becomes a native sidecar
 * (KEP-753) behind the init containers, so it starts where it would have started anyway, and
 * kubelet stops it when the main containers have ended.
 */
import { IN_POD, type Container, type PodSpec, type PodTemplate } from "./job.ts";
import { equal } from "./equal.ts";
import { imageLookup } from "./images/image-lookup.ts";
import { leave } from "./leave-or-refuse.ts";
import { metLimit, sentencesOf, type MetLimit } from "./met-limit.ts";
import { LATE_CONTAINERS_ANNOTATION, LATE_LEFT_ANNOTATION, LATE_MOVED_ANNOTATION } from "./names.ts";
import { birthDependencies, hasOwnRestarts, holdsMainBack, moveToInitContainers } from "./native.ts";
import { mark } from "./patch.ts";
import type { ContainerPlan, LatePlan, LeavePlan, PlanOptions } from "./plan.ts";
import type { LeaveReason } from "./reasons.ts";
import type { PodRecord } from "./record.ts";
import { endedByOthers } from "./roles.ts";

/** A late container, its place in `containers`, and what keeps it there. */
interface LateContainer {
  readonly container: Container;
  readonly index: number;
  /**
   * Curfew moved it, and a webhook that looks only at `containers` added it again. The API server
   * would refuse two of the same name.
   */
  readonly isBack: boolean;
  /** It ends by itself, or has the name of somebody else's init container. */
  readonly mustStay: boolean;
  readonly limits: readonly MetLimit[];
}

/**
 * Plans what's late in a Pod. What could hold main back, or couldn't be a native sidecar, stays as
 * it is, and a warning says so: a Pod is never refused for what somebody else added to it. If nothing
 * is late, the Pod is left alone for the reason `otherwise`.
 */
export function planLate(
  pod: PodTemplate,
  record: PodRecord,
  options: PlanOptions,
  otherwise: LeaveReason,
): LatePlan | LeavePlan {
  const { metadata, spec } = pod;
  const late = findLate(spec, record);
  if (late.length === 0) return leave(otherwise, []);
  const isOff = metadata?.annotations?.[LATE_CONTAINERS_ANNOTATION] === "ignore";
  const limitsOf = lateLimits(pod, record, options);
  const judged = late.map((each) => ({ ...each, limits: isOff ? [] : limitsOf(each) }));
  const movable = judged.filter(
    ({ limits, isBack, mustStay }) => isBack || (!isOff && !mustStay && limits.length === 0),
  );
  const stay = judged.filter((each) => !movable.includes(each));
  const moved = [...new Set([...record.moved, ...movable.map(({ container }) => container.name)])];
  const left = stay.map(({ container }) => container.name);
  const limits = stay.flatMap((each) => each.limits);
  return {
    kind: "late",
    moved,
    left,
    limits,
    warnings: sentencesOf(limits).map((sentence) => `${LEFT_AS_IT_IS} ${sentence}`),
    containers: judged.map(({ container }) => containerPlan(container, movable)),
    patch: [
      ...(movable.length > 0 ? moveToInitContainers(`${IN_POD.template}/spec`, spec, movable) : []),
      ...mark(`${IN_POD.template}/metadata`, metadata, {
        annotations: {
          ...(moved.length > 0 ? { [LATE_MOVED_ANNOTATION]: moved.join(",") } : {}),
          ...(left.length > 0 ? { [LATE_LEFT_ANNOTATION]: left.join(",") } : {}),
        },
      }),
    ],
  };
}

const LEFT_AS_IT_IS =
  "Another webhook added a container to this Pod, and Curfew can't stop it, so the Pod may never end.";

function findLate(
  { containers, initContainers }: PodSpec,
  { mains, sidecars, ignored, moved }: PodRecord,
): readonly Omit<LateContainer, "limits">[] {
  const inits = new Map(initContainers?.map((init) => [init.name, init]));
  return containers
    .map((container, index) => {
      const { name } = container;
      const init = inits.get(name);
      const isOurs = init && (moved.has(name) || (sidecars.has(name) && equal(container, init, "restartPolicy")));
      return { container, index, isBack: isOurs === true, mustStay: init !== undefined || endedByOthers(container) };
    })
    .filter(
      ({ container: { name }, isBack }) => isBack || !(mains.has(name) || sidecars.has(name) || ignored.has(name)),
    );
}

/** What keeps a late container from being a native sidecar. These limits never rule out a Pod. */
function lateLimits(
  { spec }: PodTemplate,
  { mains }: PodRecord,
  { nativeSidecars = true, knownImages }: PlanOptions,
): (late: Omit<LateContainer, "limits">) => readonly MetLimit[] {
  const lookUp = imageLookup(knownImages);
  const places = spec.containers.flatMap(({ name }, at) => (mains.has(name) ? [{ index: at }] : []));
  const awaited = birthDependencies(spec);
  return ({ container, index, isBack, mustStay }) => {
    if (isBack || mustStay) return [];
    if (!nativeSidecars) return [metLimit("old-nodes", container)];
    const known = lookUp(container.image ?? "");
    const limits: MetLimit[] = [];
    if (hasOwnRestarts(container)) limits.push(metLimit("own-restart-policy", container));
    if (awaited.has(container.name)) limits.push(metLimit("birth-deps", container));
    if (holdsMainBack(places, { container, index, known })) limits.push(metLimit("holds-main-back", container));
    return limits;
  };
}

function containerPlan(container: Container, movable: readonly LateContainer[]): ContainerPlan {
  const role = movable.some((each) => each.container === container) ? "sidecar" : "ignored";
  const { name, image } = container;
  return { name, image: image ?? "", role, roleSource: "added-later", argv: [], argvSource: "unknown" };
}
