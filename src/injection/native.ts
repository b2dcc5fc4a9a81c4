/**
 * Strategy native: sidecars become restartable init containers (KEP-753), which kubelet stops when
 * the main containers have ended.
 */
import { equal } from "./equal.ts";
import { sidecarEvidence } from "./evidence.ts";
import type { Container, PodFailurePolicyRule, PodSpec } from "./job.ts";
import { metLimit, type MetLimit } from "./met-limit.ts";
import { add } from "./patch.ts";
import type { PatchOperation, PlanOptions } from "./plan.ts";
import type { Survey, SurveyedContainer } from "./survey.ts";

/** batch/v1, PodFailurePolicy.rules: "A maximum of 20 rules". */
const MAX_RULES = 20;

/** The limits that native meets in this Job. */
export function nativeLimits(survey: Survey, { nativeSidecars = true }: PlanOptions): readonly MetLimit[] {
  const limits: MetLimit[] = nativeSidecars ? [] : [metLimit("old-nodes")];
  const rules = survey.job.spec.podFailurePolicy?.rules ?? [];
  const counted = countedNames(rules);
  const awaited = birthDependencies(survey.spec);
  for (const sidecar of survey.sidecars) {
    const { container, roleSource, known } = sidecar;
    if (hasOwnRestarts(container)) limits.push(metLimit("own-restart-policy", container));
    if (awaited.has(container.name)) limits.push(metLimit("birth-deps", container));
    if (holdsMainBack(survey.mains, sidecar)) limits.push(metLimit("holds-main-back", container));
    if (counted === "all" || counted.has(container.name)) limits.push(metLimit("failure-counts", container));
    // A container that curfew.sh/sidecars names runs until it's stopped: that's what the annotation
    // means.
    if (roleSource === "not-in-main" && sidecarEvidence(container, known, survey.names) === undefined)
      limits.push(metLimit("may-end-by-itself", container));
    if (survey.settings.gracePeriods.has(container.name)) limits.push(metLimit("grace-period", container));
  }
  const added = rules.filter(countsSidecars).length * (remainingNames(survey).length - 1);
  if (added > 0 && rules.length + added > MAX_RULES) limits.push(metLimit("pod-failure-policy-rules"));
  return limits;
}

/**
 * Moves each sidecar after the existing init containers, in order. As it's a move, nothing of the
 * sidecar is in the patch. If an init container has its name already, the sidecar was added a
 * second time (`addedTwice`), and is removed.
 */
export function nativePatch(survey: Survey): readonly PatchOperation[] {
  const { places, job, spec, sidecars } = survey;
  const moves = moveToInitContainers(`${places.template}/spec`, spec, sidecars);
  const rules = job.spec.podFailurePolicy?.rules ?? [];
  if (places.job === undefined || rules.length === 0) return moves;
  return [...moves, ...nameContainers(`${places.job}/spec/podFailurePolicy/rules`, rules, remainingNames(survey))];
}

/** Moves containers behind the init containers, in their order. `index` is the place in `containers`. */
export function moveToInitContainers(
  podSpec: string,
  spec: PodSpec,
  moving: readonly { readonly container: Container; readonly index: number }[],
): readonly PatchOperation[] {
  const there = new Set(spec.initContainers?.map(({ name }) => name));
  let end = spec.initContainers?.length ?? 0;
  const patch: PatchOperation[] = spec.initContainers ? [] : [add(`${podSpec}/initContainers`, [])];
  for (const [gone, { container, index }] of moving.entries()) {
    // Each one that left has moved the ones after it up.
    const from = `${podSpec}/containers/${index - gone}`;
    if (there.has(container.name)) {
      patch.push({ op: "remove", path: from });
      continue;
    }
    const path = `${podSpec}/initContainers/${end}`;
    patch.push({ op: "move", from, path }, add(`${path}/restartPolicy`, "Always"));
    end += 1;
  }
  return patch;
}

/**
 * A rule on exit codes without a container's name also looks at init containers, so a sidecar's 137
 * or 143 could match it (batch/v1, PodFailurePolicyOnExitCodesRequirement.containerName). Such a
 * rule becomes one rule for each container that remains.
 */
function nameContainers(
  path: string,
  rules: readonly PodFailurePolicyRule[],
  names: readonly string[],
): readonly PatchOperation[] {
  const patch: PatchOperation[] = [];
  let at = 0;
  for (const rule of rules) {
    if (!countsSidecars(rule)) {
      at += 1;
      continue;
    }
    for (let copy = 1; copy < names.length; copy += 1) {
      patch.push({ op: "copy", from: `${path}/${at}`, path: `${path}/${at}` });
    }
    for (const name of names) {
      patch.push(add(`${path}/${at}/onExitCodes/containerName`, name));
      at += 1;
    }
  }
  return patch;
}

/** Whether `named` is what `nameContainers` makes from `rules`, with any names. */
export function areNamedRules(named: readonly PodFailurePolicyRule[], rules: readonly PodFailurePolicyRule[]): boolean {
  const split = rules.filter(countsSidecars).length;
  const copies = (named.length - rules.length) / split + 1;
  if (!Number.isInteger(copies) || copies < 1) return false;
  const repeated = rules.flatMap((rule) => (countsSidecars(rule) ? new Array<typeof rule>(copies).fill(rule) : [rule]));
  return repeated.every((rule, at) => {
    if (!countsSidecars(rule)) return equal(rule, named[at]);
    const { onExitCodes, ...others } = named[at] ?? {};
    return (
      onExitCodes?.containerName != null &&
      equal(others, { ...rule, onExitCodes: null }) &&
      equal(onExitCodes, rule.onExitCodes, "containerName")
    );
  });
}

/** The containers whose exit codes the rules look at. */
function countedNames(rules: readonly PodFailurePolicyRule[]): ReadonlySet<string> | "all" {
  const names = new Set<string>();
  for (const { onExitCodes } of rules) {
    if (!onExitCodes) continue;
    if (onExitCodes.containerName == null) return "all";
    names.add(onExitCodes.containerName);
  }
  return names;
}

/**
 * Whether main would wait for the sidecar only under native. Kubelet starts containers in their
 * order, each after the postStart hook of the one before has ended. So a main container after the
 * sidecar already waits for its hook. Nothing waits for a startupProbe unless it's a native
 * sidecar's (KEP-753). Neither matters if the image is known to start without main's help.
 */
export function holdsMainBack(
  mains: readonly { readonly index: number }[],
  { container, index, known }: Pick<SurveyedContainer, "container" | "index" | "known">,
): boolean {
  if (known?.startsAlone === true) return false;
  if (container.startupProbe != null) return true;
  return container.lifecycle?.postStart != null && mains.some((main) => main.index < index);
}

/**
 * The containers that others wait for with kubexit. It looks for them in the Pod's
 * `containerStatuses`, but native sidecars are in `initContainerStatuses`
 * (github.com/karlkfi/kubexit, KUBEXIT_BIRTH_DEPS).
 */
export function birthDependencies({ containers }: PodSpec): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { env } of containers) {
    // Nothing else reads a container's environment, so nothing has checked its shape yet.
    if (!Array.isArray(env)) continue;
    for (const variable of env as readonly ({ readonly name?: unknown; readonly value?: unknown } | null)[]) {
      if (variable?.name !== "KUBEXIT_BIRTH_DEPS" || typeof variable.value !== "string") continue;
      for (const name of variable.value.split(",")) names.add(name.trim());
    }
  }
  return names;
}

function countsSidecars({ onExitCodes }: PodFailurePolicyRule): boolean {
  return onExitCodes != null && onExitCodes.containerName == null;
}

/** The containers whose exit codes a rule looked at before the patch, and still should. */
function remainingNames({ containers, spec }: Survey): readonly string[] {
  const remaining = containers.filter(({ role }) => role !== "sidecar").map(({ container }) => container);
  return [...remaining, ...(spec.initContainers ?? [])].map(({ name }) => name);
}

/** Whether it has a restart policy or rules of its own, which a native sidecar can't have. */
export function hasOwnRestarts({ restartPolicy, restartPolicyRules }: Container): boolean {
  return (restartPolicy != null && restartPolicy !== "Always") || (restartPolicyRules ?? []).length > 0;
}
