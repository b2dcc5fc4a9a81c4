/**
 * Finds which containers do the Job's work (main), which Curfew stops after them (sidecar), and
 * which it doesn't touch (ignored).
 */
import type { JobSettings } from "./annotations.ts";
import { basename } from "./argv.ts";
import { sidecarEvidence } from "./evidence.ts";
import type { Container } from "./job.ts";
import type { KnownImage } from "./images/known-images.ts";
import type { RefuseReason } from "./reasons.ts";
import type { EarlierNative } from "./record.ts";
import type { AssignedRole, RoleAssignment } from "./role.ts";
import { mainIsMissing, rolesAreUnclear } from "./role-refusals.ts";
import type { Unwrapped } from "./wrapper/wrapper.ts";

export type Roles =
  | { readonly kind: "assigned"; readonly assignments: readonly AssignedRole[] }
  | {
      readonly kind: "refuse";
      readonly reason: RefuseReason;
      readonly message: string;
      readonly assignments: readonly RoleAssignment[];
    };

/**
 * kubectl's own annotation, on the Pod template, for the container that `kubectl logs` and `exec`
 * use by default.
 */
export const DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container";

/** What determines the roles, besides the Job's annotations. */
export interface RoleClues {
  readonly containers: readonly Container[];
  /** For each container, what it was before an earlier pass wrapped it. */
  readonly unwrapped: readonly (Unwrapped | undefined)[];
  readonly earlier: EarlierNative | undefined;
  /** For each container, what's known about its image. */
  readonly known: readonly (KnownImage | undefined)[];
  /** The value of {@link DEFAULT_CONTAINER_ANNOTATION}. */
  readonly defaultContainer: string | undefined;
  /** Names of the Job and of the CronJob that made it. */
  readonly names: readonly string[];
}

/**
 * Finds each container's role separately. If then exactly one has none, and no other is main, that
 * one is main. A container becomes a sidecar only if its author says so, or by evidence
 * (evidence.ts). `settings` must have passed `settingsProblems`.
 */
export function assignRoles(clues: RoleClues, settings: JobSettings): Roles {
  const assignments = clues.containers.map((container, index) => assign(clues, settings, container, index));
  let hasMain = false;
  let inDoubt = 0;
  for (const { role } of assignments) {
    if (role === "main") hasMain = true;
    else if (role === "unclear") inDoubt += 1;
  }
  if (inDoubt === 1 && !hasMain) {
    const assigned = assignments.map((each) =>
      each.role === "unclear" ? { container: each.container, role: "main", source: "only-one-left" } : each,
    );
    return { kind: "assigned", assignments: assigned as AssignedRole[] };
  }
  if (inDoubt > 0) {
    return { kind: "refuse", reason: "roles-unclear", message: rolesAreUnclear(assignments), assignments };
  }
  if (!hasMain) return { kind: "refuse", reason: "no-main", message: mainIsMissing(assignments), assignments };
  return { kind: "assigned", assignments: assignments as AssignedRole[] };
}

/**
 * Whether a container must run on after main, until whoever added it is done with it. Airflow reads
 * a task's result from this one, and then ends it (apache/airflow, providers/cncf/kubernetes,
 * utils/xcom_sidecar.py and PodManager.extract_xcom).
 */
export function endedByOthers({ name }: Container): boolean {
  return name === "airflow-xcom-sidecar";
}

/**
 * Whether Argo's or Tekton's executor runs the container. It then ends by itself, or Argo ends it:
 * whatever its name and image say, they aren't evidence (argoproj/argo-workflows,
 * cmd/argoexec/commands/emissary.go; tektoncd/pipeline, pkg/pod/entrypoint.go).
 */
function hasExecutor({ command }: Container): boolean {
  const [program = "", subcommand] = command ?? [];
  return program === "/tekton/bin/entrypoint" || (basename(program) === "argoexec" && subcommand === "emissary");
}

function assign(
  { unwrapped, earlier, known, defaultContainer, names }: RoleClues,
  { mains, sidecars, ignored }: JobSettings,
  container: Container,
  index: number,
): RoleAssignment {
  const { name } = container;
  // Istio's own way to customize its proxy. What it becomes is late (istio.io, Customizing injection).
  if (container.image === "auto") return { container, role: "ignored", source: "completed-later" };
  if (ignored.includes(name)) return { container, role: "ignored", source: "ignore-annotation" };
  if (mains?.includes(name)) return { container, role: "main", source: "main-annotation" };
  if (sidecars?.includes(name)) return { container, role: "sidecar", source: "sidecars-annotation" };
  if (endedByOthers(container)) return { container, role: "ignored", source: "ends-by-itself" };
  if (mains) return { container, role: "sidecar", source: "not-in-main" };
  if (sidecars) return { container, role: "main", source: "not-in-sidecars" };
  const original = unwrapped[index];
  if (original) return { container, role: original.role, source: "wrapped" };
  if (earlier?.mains.has(name)) return { container, role: "main", source: "recorded" };
  if (earlier?.sidecars.has(name)) return { container, role: "sidecar", source: "recorded" };
  if (name === defaultContainer) return { container, role: "main", source: "default-container" };
  if (known[index]?.role === "main") return { container, role: "main", source: "main-image" };
  if (hasExecutor(container)) return { container, role: "main", source: "ends-by-itself" };
  const evidence = sidecarEvidence(container, known[index], names);
  if (evidence !== undefined) return { container, role: "sidecar", source: evidence };
  return { container, role: "unclear", source: "no-evidence" };
}
