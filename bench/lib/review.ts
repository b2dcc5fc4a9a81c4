import { reviewOf } from "../../test/support/admission/admission.ts";

/** The AdmissionReview of {@link jobOf}. */
export function reviewWithJobOf(bytes: number, containers?: number): string {
  return JSON.stringify(reviewOf(jobOf(bytes, containers)));
}

/**
 * A Job as a webhook sees it, with `containers` containers and about `bytes` bytes of JSON.
 * Strategy trap patches it.
 */
export function jobOf(bytes: number, containers = 2) {
  const job = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: "buildkite-01890a5d",
      namespace: "ci",
      uid: "0d7f7a2f-7a9e-4f70-9b5c-6ad32c1ffb31",
      creationTimestamp: "2026-01-01T00:00:00Z",
      generation: 1,
      labels: { "curfew.sh/enabled": "true", "app.kubernetes.io/managed-by": "curfew-dispatch" },
    },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 0,
      completionMode: "NonIndexed",
      suspend: false,
      template: {
        metadata: { labels: { "app.kubernetes.io/part-of": "buildkite-01890a5d" } },
        spec: {
          volumes: [{ name: "docker", emptyDir: {} }],
          containers: [
            { name: "agent", image: "buildkite/agent:3", args: ["start", "--disconnect-after-job"], ...container() },
            ...Array.from({ length: containers - 1 }, (_, index) => ({
              name: `docker-${index}`,
              image: "docker:27-dind",
              securityContext: { privileged: true },
              ...container(),
            })),
          ],
          restartPolicy: "Never",
          terminationGracePeriodSeconds: 60,
          dnsPolicy: "ClusterFirst",
          schedulerName: "default-scheduler",
        },
      },
    },
  };
  const env = job.spec.template.spec.containers[0]?.env ?? [];
  for (let left = bytes - JSON.stringify(job).length; left > 0; left -= 88) {
    const name = `BUILD_VARIABLE_${String(env.length).padStart(6, "0")}`;
    env.push({ name, value: "a value as long as values of build variables are" });
  }
  return job;
}

function container(): {
  readonly env: { readonly name: string; readonly value: string }[];
  readonly resources: object;
  readonly volumeMounts: readonly object[];
} {
  return {
    env: [{ name: "DOCKER_HOST", value: "unix:///docker/docker.sock" }],
    resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { memory: "2Gi" } },
    volumeMounts: [{ name: "docker", mountPath: "/docker" }],
  };
}
