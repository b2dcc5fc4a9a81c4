/** Finds the roles of a Pod's containers, as the planner sees them. */
import { podRecord } from "../../injection/record.ts";
import type { Planner } from "../../planner/planner.ts";
import type { Roles } from "./hanging.ts";
import type { ListedMetadata, ListedPod } from "./pod.ts";

/**
 * The Job's settings are on the Job, but the containers are the Pod's, as other webhooks may have
 * added some. If Curfew has recorded the roles on the Pod, what isn't in the record came later, and
 * is a sidecar. A Pod without a Job is planned by its own metadata.
 */
export function rolesOf(pod: ListedPod, job: Pick<ListedMetadata, "name"> | undefined, planner: Planner): Roles {
  const { metadata, spec } = pod;
  const record = podRecord(metadata);
  if (record) {
    const { mains, ignored } = record;
    const roleOf = (name: string) => (mains.has(name) ? "main" : ignored.has(name) ? "ignored" : "sidecar");
    return new Map(spec.containers.map(({ name }) => [name, roleOf(name)]));
  }
  const plan = job
    ? planner.planJob({ metadata: job, spec: { template: pod } }, "assumed")
    : planner.planPod(pod, "assumed");
  return new Map(plan.containers.map(({ name, role }) => [name, role]));
}
