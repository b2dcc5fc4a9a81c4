/**
 * Groups Jobs: those of one CronJob, JobSet or other owner, and those without an owner that look the
 * same but for their names.
 */
import { isInjected, type Evaluation, type Simple } from "./evaluate.ts";
import type { Job } from "../../injection/job.ts";
import { controllerOf, type ListedMetadata } from "./pod.ts";

export type ListedJob = Job & {
  readonly metadata: ListedMetadata;
  readonly status?: { readonly active?: number };
};

/** Jobs that get one row. */
export interface Group {
  readonly namespace: string;
  /** Their owner's, or `Job`. */
  readonly kind: string;
  /** Their owner's, or the newest Job's. */
  name: string;
  /** Of the owner, if it's a CronJob that was listed; or else of the newest Job. */
  evaluation: Evaluation | Simple;
  readonly isCronJob: boolean;
  jobs: number;
  active: number;
  /** When the newest Job was created, and whether Curfew injected it. */
  newest: string;
  newestInjected: boolean;
}

/** All groups, by a key that only one of them has. Jobs are added once. */
export class Groups {
  readonly #byKey = new Map<string, Group>();

  /** In the order in which they were found. */
  values(): Iterable<Group> {
    return this.#byKey.values();
  }

  addCronJob({ uid, namespace, name }: ListedMetadata, evaluation: Evaluation | Simple): void {
    if (this.#byKey.has(uid)) return;
    const none = { jobs: 0, active: 0, newest: "", newestInjected: false };
    this.#byKey.set(uid, { namespace, kind: "CronJob", name, evaluation, isCronJob: true, ...none });
  }

  /** `evaluate` is called only if the Job's own evaluation counts. */
  addJob(job: ListedJob, evaluate: () => Evaluation | Simple): Group {
    const { namespace, name, creationTimestamp } = job.metadata;
    const owner = controllerOf(job.metadata);
    const own = owner ? undefined : evaluate();
    const key = owner?.uid ?? `${namespace} ${likeness(job, own)}`;
    let group = this.#byKey.get(key);
    if (group === undefined) {
      const evaluation = own ?? evaluate();
      const none = { jobs: 0, active: 0, newest: "", newestInjected: false };
      group = {
        namespace,
        kind: owner?.kind ?? "Job",
        name: owner?.name ?? name,
        evaluation,
        isCronJob: false,
        ...none,
      };
      this.#byKey.set(key, group);
    }
    group.jobs += 1;
    if ((job.status?.active ?? 0) > 0) group.active += 1;
    if (creationTimestamp >= group.newest) {
      if (!owner) group.name = name;
      if (!group.isCronJob && group.newest !== "") group.evaluation = own ?? evaluate();
      group.newest = creationTimestamp;
      group.newestInjected = isInjected(job);
    }
    return group;
  }
}

/** What Jobs without an owner have in common: containers, and what Curfew would do and why. */
function likeness({ spec }: ListedJob, evaluation: Evaluation | Simple | undefined): string {
  const containers = spec.template.spec.containers.map(({ name, image }) => [
    name,
    (image ?? "").replace(/[@:][^/]*$/, ""),
  ]);
  return JSON.stringify([containers, evaluation]);
}
