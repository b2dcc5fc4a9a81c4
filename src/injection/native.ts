/** Strategy native: sidecars become restartable init containers (KEP-753), which kubelet ends when the main containers have ended. */
import { equal } from "./equal.ts";
import type { Container, PodFailurePolicyRule } from "./job.ts";
import { met } from "./met-limit.ts";
import { add } from "./patch.ts";
import type { MetLimit, PatchOperation, PlanOptions } from "./plan.ts";
import type { Survey } from "./survey.ts";

/** batch/v1, PodFailurePolicy.rules: "A maximum of 20 rules". */
const MAX_RULES = 20;

export function nativeLimits(survey: Survey, { nativeSidecars = true }: PlanOptions): readonly MetLimit[] {
  const limits: MetLimit[] = nativeSidecars ? [] : [met("old-nodes")];
  for (const { container } of survey.sidecars) {
    if (hasOwnRestarts(container)) limits.push(met("own-restart-policy", container));
    if (survey.settings.gracePeriods.has(container.name)) limits.push(met("grace-period", container));
  }
  const rules = survey.job.spec.podFailurePolicy?.rules ?? [];
  const added = rules.filter(countsSidecars).length * (remainingNames(survey).length - 1);
  if (added > 0 && rules.length + added > MAX_RULES) limits.push(met("pod-failure-policy-rules"));
  return limits;
}

/** Moves each sidecar behind the init containers that are there, in order, so that nothing of it is serialised again. */
export function nativePatch(survey: Survey): readonly PatchOperation[] {
  const { base, job, spec, sidecars } = survey;
  const podSpec = `${base}/spec/template/spec`;
  const before = spec.initContainers?.length ?? 0;
  const patch: PatchOperation[] = spec.initContainers ? [] : [add(`${podSpec}/initContainers`, [])];
  for (const [moved, { index }] of sidecars.entries()) {
    const path = `${podSpec}/initContainers/${before + moved}`;
    // Each one that has left moves those behind it up.
    patch.push(
      { op: "move", from: `${podSpec}/containers/${index - moved}`, path },
      add(`${path}/restartPolicy`, "Always"),
    );
  }
  return [
    ...patch,
    ...nameContainers(
      `${base}/spec/podFailurePolicy/rules`,
      job.spec.podFailurePolicy?.rules ?? [],
      remainingNames(survey),
    ),
  ];
}

/**
 * A rule on exit codes without a container's name also sees those of init containers, so a sidecar's 137 or 143 could fire it
 * (batch/v1, PodFailurePolicyOnExitCodesRequirement.containerName). Such a rule becomes one for each container that remains.
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

/** Whether `named` is what `nameContainers` made of the rules, whatever the names. */
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

function countsSidecars({ onExitCodes }: PodFailurePolicyRule): boolean {
  return onExitCodes != null && onExitCodes.containerName == null;
}

/** The containers whose exit codes a rule saw before, and shall see. */
function remainingNames({ containers, spec }: Survey): readonly string[] {
  const remaining = containers.filter(({ cast }) => cast.role !== "sidecar").map(({ container }) => container);
  return [...remaining, ...(spec.initContainers ?? [])].map(({ name }) => name);
}

function hasOwnRestarts({ restartPolicy, restartPolicyRules }: Container): boolean {
  return (restartPolicy != null && restartPolicy !== "Always") || (restartPolicyRules ?? []).length > 0;
}
