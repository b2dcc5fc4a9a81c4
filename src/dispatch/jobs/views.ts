/**
 * The views that the dispatcher has of its namespaces, as an operator sees them: in the log, in the
 * metrics and in `/readyz`.
 */
import { Gauge, type Registry } from "prom-client";
import { KubeRefusedError, type Follower, type KubeObject } from "../../kubernetes/list-watch.ts";
import { describeError, messageOf } from "../../process/errors.ts";
import type { LimitedLog } from "../../process/log-limiter.ts";
import type { Readiness } from "../../process/ops-server.ts";

/** What the dispatcher follows of one kind in one namespace. */
export interface View {
  readonly namespace: string;
  readonly kind: MirroredKind;
  readonly follower: Pick<Follower<KubeObject>, "synced" | "current" | "refusal" | "untilTried" | "run" | "stop">;
}

/** Kubernetes' kinds, in the plural. */
export type MirroredKind = "Jobs" | "Pods" | "Events";

/**
 * Not ready if the API server refuses a view that has never worked: then no replica with this
 * configuration can do its work, and a rollout should stop here. Ready if the API server is only
 * down, or refuses later: without a ready replica, webhooks would certainly be lost.
 */
export function readinessOf(views: readonly View[]): Readiness {
  for (const { namespace, follower } of views)
    if (!follower.synced && follower.refusal)
      return { ready: false, reason: `${follower.refusal.message}: ${adviceFor(follower.refusal, namespace)}` };
  return { ready: true };
}

/** Logs that a list or a watch failed: once a minute for each namespace, kind and reason. */
export function logViewError(
  log: LimitedLog,
  { namespace, kind }: Pick<View, "namespace" | "kind">,
  error: unknown,
): void {
  const cause = `view:${namespace}:${kind}:${messageOf(error)}`;
  const about = { namespace, ...describeError(error) };
  if (error instanceof KubeRefusedError)
    log.error(cause, { ...about, code: error.code }, `cannot see ${kind}: ${adviceFor(error, namespace)}`);
  else log.warn(cause, about, `cannot list or watch ${kind}`);
}

/** Registers the metric of the views. */
export function createViewMetrics(registry: Registry, views: readonly View[]): void {
  new Gauge({
    name: "curfew_dispatch_view_synced",
    help: "Whether the dispatcher sees a namespace's Jobs, Pods and Events as they are now.",
    // Not `namespace`, which Prometheus gives to each series: it's the dispatcher's own.
    labelNames: ["jobs_namespace", "kind"] as const,
    registers: [registry],
    collect() {
      for (const { namespace, kind, follower } of views)
        this.set({ jobs_namespace: namespace, kind }, follower.current ? 1 : 0);
    },
  });
}

function adviceFor({ code }: KubeRefusedError, namespace: string): string {
  return code === 401
    ? "the API server doesn't know the dispatcher's token, so check its ServiceAccount"
    : `check that the namespace ${namespace} exists, and that it has the Role and the RoleBinding curfew-dispatch`;
}
