/**
 * A mirror of the Warning events about a namespace's agent Jobs and their Pods: what a Pod's status
 * doesn't say, for example why a Job can't create its Pod.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
import { Follower, type FollowerOptions, type KubeObject, type ListWatch } from "../../kubernetes/list-watch.ts";
import { JOB_NAME_PREFIX } from "./plan-agent-job.ts";

/** The parts of a core/v1 Event that are read here. */
export interface StoredEvent extends KubeObject {
  readonly involvedObject?: { readonly kind?: string; readonly name?: string; readonly uid?: string };
  readonly reason?: string;
  readonly message?: string;
  /** Absent if it was reported by way of events.k8s.io. */
  readonly count?: number | null;
  readonly series?: { readonly count?: number } | null;
}

export interface Warning {
  readonly reason: string;
  readonly message: string;
  /** How often it was seen. */
  readonly count: number;
}

export class WarningMirror extends Follower<StoredEvent> {
  /** The UID of the object that each event is about, by the event's name. */
  readonly #about: Map<string, string>;
  /** By that UID, and by the event's name. */
  readonly #warnings = new Map<string, Map<string, Warning>>();

  constructor(source: ListWatch<StoredEvent>, options: FollowerOptions) {
    const about = new Map<string, string>();
    const put = (event: StoredEvent): void => {
      this.#put(event);
    };
    const remove = (name: string): void => {
      this.#delete(name);
    };
    super(source, { put, delete: remove, names: () => about.keys() }, options);
    this.#about = about;
  }

  /** The warnings about one object, the oldest first. */
  about(uid: string): Warning[] {
    return [...(this.#warnings.get(uid)?.values() ?? [])];
  }

  #put({ metadata: { name }, involvedObject = {}, reason = "", message = "", count, series }: StoredEvent): void {
    const { name: about = "", uid } = involvedObject;
    if (uid === undefined || !about.startsWith(JOB_NAME_PREFIX)) return;
    this.#about.set(name, uid);
    const warnings = this.#warnings.get(uid) ?? new Map<string, Warning>();
    warnings.set(name, { reason, message, count: count ?? series?.count ?? 1 });
    this.#warnings.set(uid, warnings);
  }

  #delete(name: string): void {
    const uid = this.#about.get(name) ?? "";
    this.#about.delete(name);
    const warnings = this.#warnings.get(uid);
    warnings?.delete(name);
    if (warnings?.size === 0) this.#warnings.delete(uid);
  }
}
