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

/** A late container, and its place in `containers`. */
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
  const judged = late.map((each) => {
    const limits = isOff || each.isBack || each.mustStay ? [] : limitsOf(each);
    return { ...each, limits, moves: each.isBack || !(isOff || each.mustStay || limits.length > 0) };
  });
  const moving = judged.filter(({ moves }) => moves);
  const moved = [...new Set([...record.moved, ...moving.map(({ container }) => container.name)])];
  const left = judged.filter(({ moves }) => !moves).map(({ container }) => container.name);
  const limits = judged.flatMap((each) => each.limits);
  return {
    kind: "late",
    moved,
    left,
    limits,
    warnings: sentencesOf(limits).map((sentence) => `${LEFT_AS_IT_IS} ${sentence}`),
    containers: judged.map(({ container, moves }) => containerPlan(container, moves ? "sidecar" : "ignored")),
    patch: [
      ...(moving.length > 0 ? moveToInitContainers(`${IN_POD.template}/spec`, spec, moving) : []),
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
): readonly LateContainer[] {
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
): (late: LateContainer) => readonly MetLimit[] {
  const lookUp = imageLookup(knownImages);
  const mainsAt = spec.containers.flatMap(({ name }, index) => (mains.has(name) ? [{ index }] : []));
  const awaited = birthDependencies(spec);
  return ({ container, index }) => {
    if (!nativeSidecars) return [metLimit("old-nodes", container)];
    const known = lookUp(container.image ?? "");
    const limits: MetLimit[] = [];
    if (hasOwnRestarts(container)) limits.push(metLimit("own-restart-policy", container));
    if (awaited.has(container.name)) limits.push(metLimit("birth-deps", container));
    if (holdsMainBack(mainsAt, { container, index, known })) limits.push(metLimit("holds-main-back", container));
    return limits;
  };
}

function containerPlan({ name, image }: Container, role: ContainerPlan["role"]): ContainerPlan {
  return { name, image: image ?? "", role, roleSource: "added-later", argv: [], argvSource: "unknown" };
}
