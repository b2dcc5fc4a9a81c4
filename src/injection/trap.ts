/**
 * Strategy trap: a shared emptyDir, and a wrapper around the main containers and the sidecars
 * (docs/wrappers.md).
 */
import { cannotSignal } from "./capabilities.ts";
import { gracePeriodOf, isWindows, restartsAfterSuccess } from "./job.ts";
import { metLimit, type MetLimit } from "./met-limit.ts";
import { add, append } from "./patch.ts";
import { isInitSystem, signalsItself } from "./pid-1.ts";
import { MOUNT_PATH } from "./names.ts";
import type { PatchOperation, PlanOptions } from "./plan.ts";
import type { Role } from "./role.ts";
import { freeName, isAtMountPath, type SharedVolume } from "./shared-volume.ts";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "./wrapper/scripts.generated.ts";
import { sidecarGracePeriod, type Survey, type SurveyedContainer } from "./survey.ts";
import { wrap, type Wrapped } from "./wrapper/wrapper.ts";

/**
 * In memory by default, as the cluster autoscaler doesn't count that as local storage, and a full
 * disk doesn't affect it. It holds FIFOs and a few bytes. On a disk it has no limit, as kubelet
 * evicts a Pod that exceeds one.
 */
const EMPTY_DIRS = { memory: { medium: "Memory", sizeLimit: "1Mi" }, disk: {} };

/**
 * A TERM that's held back is passed on this long before the Pod's grace period ends, when kubelet
 * sends KILL.
 */
const HOLD_MARGIN_SECONDS = 2;

/** The limits that trap meets in this Job. */
export function trapLimits(survey: Survey, shared: SharedVolume): readonly MetLimit[] {
  const limits: MetLimit[] = isWindows(survey.spec) ? [metLimit("windows")] : [];
  const policies = restartPoliciesOfMains(survey);
  if (policies.includes("Never") && (policies.some((policy) => policy !== "Never") || hasRestartRules(survey)))
    limits.push(metLimit("main-restarts"));
  for (const { container, role, argv, shell } of survey.containers) {
    if (shared.problems.has(container)) limits.push(metLimit("mount-path-taken", container));
    if (role === "ignored") continue;
    if (!argv) limits.push(metLimit("argv-unknown", container));
    else if (isInitSystem(argv.elements)) limits.push(metLimit("needs-pid-1", container));
    else if (signalsItself(argv.elements)) limits.push(metLimit("signals-itself", container));
    if (!shell) limits.push(metLimit("no-shell", container));
    // If it isn't known what would run, it isn't known either whether that shows a shell.
    else if (argv && !shell.evident) limits.push(metLimit("shell-not-evident", container));
    if (cannotSignal(survey.spec, container)) limits.push(metLimit("cannot-signal", container));
    if (container.tty === true) limits.push(metLimit("tty", container));
    if (isOfNoUse(container.lifecycle?.stopSignal, role)) limits.push(metLimit("stop-signal", container));
    if (role === "main") continue;
    if (restartsAfterSuccess(container)) limits.push(metLimit("restart-rules", container));
    if (container.lifecycle?.preStop != null) limits.push(metLimit("pre-stop", container));
    if (container.livenessProbe != null || container.startupProbe != null) limits.push(metLimit("probes", container));
  }
  return limits;
}

/** Adds only what isn't there yet, so a second pass over a patched Job gives an empty patch. */
export function trapPatch(
  survey: Survey,
  { existing, problems }: SharedVolume,
  { volumeMedium = "memory" }: PlanOptions,
): readonly PatchOperation[] {
  const { places, spec } = survey;
  const podSpec = `${places.template}/spec`;
  const patch: PatchOperation[] = [];
  const volume = existing ?? freeName(spec.volumes ?? []);
  const settingsOf = wrapperSettings(survey);
  if (existing === undefined) {
    patch.push(append(`${podSpec}/volumes`, spec.volumes, { name: volume, emptyDir: EMPTY_DIRS[volumeMedium] }));
  }
  for (const surveyed of survey.containers) {
    const { container, index, role } = surveyed;
    if (role === "ignored" || problems.has(container)) continue;
    const path = `${podSpec}/containers/${index}`;
    if (!(container.volumeMounts ?? []).some(isAtMountPath)) {
      const mount = { name: volume, mountPath: MOUNT_PATH };
      const mounted = role === "sidecar" ? { ...mount, readOnly: true } : mount;
      patch.push(append(`${path}/volumeMounts`, container.volumeMounts, mounted));
    }
    const wrapped = wrapContainer(surveyed, settingsOf);
    if (wrapped) patch.push(add(`${path}/command`, wrapped.command), add(`${path}/args`, wrapped.args));
  }
  return patch;
}

/**
 * Undefined: it's already wrapped like this, perhaps with an older script of the same contract,
 * which works the same.
 */
function wrapContainer(surveyed: SurveyedContainer, settingsOf: WrapperSettings): Wrapped | undefined {
  const { container, role, argv, shell, original } = surveyed;
  if (!argv || !shell || original?.current === false) return undefined;
  const script = role === "main" ? MAIN_SCRIPT : SIDECAR_SCRIPT;
  const wrapped = wrap(shell.path, script, settingsOf(surveyed), argv);
  const { args } = container;
  const same = original && args?.length === wrapped.args.length && wrapped.args.every((arg, at) => arg === args[at]);
  return same ? undefined : wrapped;
}

/**
 * The wrapper stops a sidecar with TERM. It passes main every signal that a shell can catch, and no
 * shell can catch real-time signals (KEP-4960).
 */
function isOfNoUse(stopSignal: string | null | undefined, role: Role): boolean {
  if (stopSignal == null) return false;
  return role === "main" ? stopSignal.startsWith("SIGRT") : stopSignal !== "SIGTERM";
}

type WrapperSettings = (surveyed: SurveyedContainer) => readonly string[];

/**
 * The settings at the start of a wrapper's arguments (wrapper.ts). What all sidecars share is
 * computed once.
 */
function wrapperSettings(survey: Survey): WrapperSettings {
  const { spec, mains, settings } = survey;
  const names = mains.map(({ container }) => container.name).join(" ");
  const restartable = hasRestartRules(survey) || restartPoliciesOfMains(survey).some((policy) => policy !== "Never");
  const policy = restartable ? "OnFailure" : "Never";
  const hold = String(Math.max(gracePeriodOf(spec) - HOLD_MARGIN_SECONDS, 0));
  const start = String(settings.startTimeoutSeconds);
  return ({ container: { name }, role }) =>
    role === "main"
      ? ["main", MOUNT_PATH, name]
      : ["sidecar", MOUNT_PATH, names, policy, String(sidecarGracePeriod(survey, name)), hold, start];
}

/** The restart policies of the mains. A container's own policy overrides the Pod's (KEP-5307). */
function restartPoliciesOfMains({ mains, spec }: Survey): readonly (string | null | undefined)[] {
  return mains.map(({ container }) => container.restartPolicy ?? spec.restartPolicy);
}

/**
 * Whether any container has restart rules. They can restart mains in place, or all containers
 * (KEP-5307, KEP-5532).
 */
function hasRestartRules({ spec }: Survey): boolean {
  return spec.containers.some(({ restartPolicyRules }) => (restartPolicyRules ?? []).length > 0);
}
