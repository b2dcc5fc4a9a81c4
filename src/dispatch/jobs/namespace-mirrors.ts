/** What's known about one namespace: its agent Jobs, their Pods, and warnings about both. */
import type { KubeClient } from "../../kubernetes/client.ts";
import { listWatchOf, type KubeObject } from "../../kubernetes/list-watch.ts";
import { JobMirror, type JobView } from "./job-mirror.ts";
import type { JobsApi } from "./jobs-api.ts";
import { JOB_LABEL } from "./plan-agent-job.ts";
import { PodMirror, type StoredPod } from "./pod-mirror.ts";
import type { MirroredKind, View } from "./views.ts";
import { WarningMirror, type StoredEvent } from "./warnings.ts";

export interface NamespaceMirrorsOptions {
  readonly namespace: string;
  /** Called once for each Job that has finished. */
  readonly onFinished: (view: JobView) => void;
  /** Called when a suspended Job is resumed. */
  readonly onResumed: (view: JobView) => void;
  /** Called if something new keeps a Job's Pod from starting. */
  readonly onTrouble: (jobName: string) => void;
  /** Called when a list or a watch fails. */
  readonly onError: (kind: MirroredKind, error: unknown) => void;
  /** Called when both succeed again. */
  readonly onRecovered: (kind: MirroredKind) => void;
}

export class NamespaceMirrors {
  readonly namespace: string;
  readonly jobs: JobMirror;
  readonly pods: PodMirror;
  readonly warnings: WarningMirror;

  constructor(client: KubeClient, jobs: JobsApi, options: NamespaceMirrorsOptions) {
    const { namespace, onFinished, onResumed, onTrouble } = options;
    const reporting = (kind: MirroredKind) => ({
      onError: (error: unknown) => {
        options.onError(kind, error);
      },
      onRecovered: () => {
        options.onRecovered(kind);
      },
    });
    const core = <T extends KubeObject>(resource: string, what: MirroredKind, query: Record<string, string>) =>
      listWatchOf<T>(client, {
        path: `/api/v1/namespaces/${namespace}/${resource}`,
        what: `${what} in ${namespace}`,
        query,
      });
    this.namespace = namespace;
    this.jobs = new JobMirror(jobs.in(namespace), { onFinished, onResumed, ...reporting("Jobs") });
    const pods = core<StoredPod>("pods", "Pods", { labelSelector: JOB_LABEL });
    this.pods = new PodMirror(pods, { onTrouble, ...reporting("Pods") });
    const warnings = core<StoredEvent>("events", "Events", { fieldSelector: "type=Warning" });
    this.warnings = new WarningMirror(warnings, reporting("Events"));
  }

  /** All of them, to run, to stop, and to report on. */
  views(): readonly View[] {
    const { namespace } = this;
    return [
      { namespace, kind: "Jobs", follower: this.jobs },
      { namespace, kind: "Pods", follower: this.pods },
      { namespace, kind: "Events", follower: this.warnings },
    ];
  }
}
