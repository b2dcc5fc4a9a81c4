/** What's known about one namespace: its agent Jobs, their Pods, and warnings about both. */
import type { KubeClient } from "../../kubernetes/client.ts";
import { listWatchOf, type Follower, type KubeObject } from "../../kubernetes/list-watch.ts";
import { JobMirror, type JobView } from "./job-mirror.ts";
import type { JobsApi } from "./jobs-api.ts";
import { JOB_LABEL } from "./plan-agent-job.ts";
import { PodMirror, type StoredPod } from "./pod-mirror.ts";
import { WarningMirror, type StoredEvent } from "./warnings.ts";

/** Kubernetes' kinds, in the plural. */
export type MirroredKind = "Jobs" | "Pods" | "Events";

export interface NamespaceMirrorsOptions {
  readonly namespace: string;
  /** Called once for each Job that has finished. */
  readonly onFinished: (view: JobView) => void;
  /** Called if something new keeps a Job's Pod from starting. */
  readonly onTrouble: (jobName: string) => void;
  /** Called when a list or a watch fails. */
  readonly onError: (kind: MirroredKind, error: unknown) => void;
}

export class NamespaceMirrors {
  readonly namespace: string;
  readonly jobs: JobMirror;
  readonly pods: PodMirror;
  readonly warnings: WarningMirror;

  constructor(client: KubeClient, jobs: JobsApi, options: NamespaceMirrorsOptions) {
    const { namespace, onFinished, onTrouble } = options;
    const onError = (kind: MirroredKind) => (error: unknown) => {
      options.onError(kind, error);
    };
    const core = <T extends KubeObject>(resource: string, what: MirroredKind, query: Record<string, string>) =>
      listWatchOf<T>(client, {
        path: `/api/v1/namespaces/${namespace}/${resource}`,
        what: `${what} in ${namespace}`,
        query,
      });
    this.namespace = namespace;
    this.jobs = new JobMirror(jobs.in(namespace), { onFinished, onError: onError("Jobs") });
    const pods = core<StoredPod>("pods", "Pods", { labelSelector: JOB_LABEL });
    this.pods = new PodMirror(pods, { onTrouble, onError: onError("Pods") });
    const warnings = core<StoredEvent>("events", "Events", { fieldSelector: "type=Warning" });
    this.warnings = new WarningMirror(warnings, { onError: onError("Events") });
  }

  /** All of them, to run and to stop. */
  followers(): readonly Pick<Follower<KubeObject>, "run" | "stop" | "synced" | "refusal">[] {
    return [this.jobs, this.pods, this.warnings];
  }
}
