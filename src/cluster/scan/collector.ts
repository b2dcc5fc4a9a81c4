/** Takes what's listed, and keeps only what the report needs, so 10,000 Pods are never in memory at once. */
import { gracePeriodOf } from "../../injection/job.ts";
import type { Planner } from "../../planner/planner.ts";
import { evaluate, isInjected, type CronJob } from "./evaluate.ts";
import type { Sink } from "./gather.ts";
import { Groups, type Group, type ListedJob } from "./groups.ts";
import { verdictOn, type Verdict } from "./hanging.ts";
import { controllerOf, stateOf, type ListedMetadata, type ListedPod } from "./pod.ts";
import { requestsOf, type Requests } from "./quantity.ts";
import { rolesOf } from "./roles.ts";

/** A Pod that hangs, or perhaps does. */
export interface HangingPod extends Verdict {
  readonly namespace: string;
  readonly pod: string;
  /** Its Job, if that was listed. */
  readonly job: string | undefined;
  /** What controls the Job, such as a CronJob; without a Job, what controls the Pod. */
  readonly owner: { readonly kind: string; readonly name: string } | undefined;
  /** The Job's. Its name can change until everything is listed. */
  readonly group: Group | undefined;
  readonly ended: readonly string[];
  readonly requests: Requests;
  /** The API server's clock when it was listed, in milliseconds since 1970. */
  readonly now: number;
  readonly isInjected: boolean;
}

interface KnownJob {
  readonly metadata: Pick<ListedMetadata, "name" | "annotations" | "ownerReferences">;
  readonly group: Group;
}

/** Evaluates objects as they come. An object that comes twice counts once. */
export class Collector implements Sink {
  readonly groups = new Groups();
  readonly hanging = new Map<string, HangingPod>();
  readonly namespaces = new Set<string>();
  readonly cronJobs = new Set<string>();
  readonly jobs = new Map<string, KnownJob>();
  readonly pods = new Set<string>();
  readonly #planner: Planner;

  constructor(planner: Planner) {
    this.#planner = planner;
  }

  readonly addCronJobs = (items: readonly unknown[]): void => {
    for (const object of items as readonly (CronJob & { readonly metadata: ListedMetadata })[]) {
      this.#note(object, this.cronJobs);
      this.groups.addCronJob(object.metadata, evaluate({ kind: "CronJob", object }, this.#planner));
    }
  };

  readonly addJobs = (items: readonly unknown[]): void => {
    for (const object of items as readonly ListedJob[]) {
      const { uid, namespace, name, annotations, ownerReferences } = object.metadata;
      if (this.jobs.has(uid)) continue;
      this.namespaces.add(namespace);
      const group = this.groups.addJob(object, () => evaluate({ kind: "Job", object }, this.#planner));
      const kept = settingsIn(annotations);
      this.jobs.set(uid, { metadata: { name, annotations: kept, ownerReferences: ownerReferences ?? [] }, group });
    }
  };

  readonly addPods = (items: readonly unknown[], now: number): void => {
    for (const pod of items as readonly ListedPod[]) {
      this.#note(pod, this.pods);
      const found = pod.metadata.deletionTimestamp === undefined ? this.#look(pod, now) : undefined;
      if (found) this.hanging.set(pod.metadata.uid, found);
    }
  };

  #note({ metadata: { uid, namespace } }: { readonly metadata: ListedMetadata }, known: Set<string>): void {
    known.add(uid);
    this.namespaces.add(namespace);
  }

  #look(pod: ListedPod, now: number): HangingPod | undefined {
    const { metadata, spec } = pod;
    const state = stateOf(pod);
    if (state.ended.length === 0 || state.left.length === 0) return undefined;
    const controller = controllerOf(metadata);
    const job = controller && this.jobs.get(controller.uid);
    const injected = isInjected(pod);
    const roles = rolesOf(pod, job?.metadata, this.#planner);
    const verdict = verdictOn(state, { roles, now, isInjected: injected, graceMs: gracePeriodOf(spec) * 1000 });
    if (!verdict) return undefined;
    return {
      ...verdict,
      namespace: metadata.namespace,
      pod: metadata.name,
      job: job?.metadata.name,
      owner: job ? controllerOf(job.metadata) : controller,
      group: job?.group,
      ended: state.ended.map(({ name }) => name),
      requests: requestsOf(spec),
      now,
      isInjected: injected,
    };
  }
}

/** A manifest that kubectl applied is in an annotation, too, and can be large. */
function settingsIn(annotations: ListedMetadata["annotations"]): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => key.includes("curfew.sh/")));
}
