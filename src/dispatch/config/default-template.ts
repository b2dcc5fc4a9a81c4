import type { JobTemplate } from "./dispatch-config.ts";

/**
 * Kubelet starts containers in order, each after the postStart hook of the one before has ended.
 * Without this hook, a job fails if its agent is up before dockerd (seen). After a minute the hook
 * fails, kubelet reports that in an event, and the job runs without dockerd.
 */
const UNTIL_DOCKERD =
  "for _ in $(seq 300); do docker --host=unix:///run/dind/docker.sock version >/dev/null 2>&1 && exit; sleep 0.2; done; exit 1";

/** Pinned, since the agent's tags `3` and `4` move. */
const AGENT_IMAGES = { 3: "buildkite/agent:3.138.1", 4: "buildkite/agent:4.0.3" } as const;

/**
 * A Buildkite agent and a Docker daemon for its builds, as plain containers. Nothing hand-made ends
 * the daemon: because of the label, Curfew does so when the agent has ended. The agent's token
 * comes from the Secret `buildkite-agent`, key `token` (in acquire mode, a token for the one job
 * replaces it). The daemon listens on a socket that only the two containers share, not on the Pod's
 * address.
 */
export const defaultTemplate = (agentVersion: 3 | 4): JobTemplate => ({
  metadata: {
    labels: { "curfew.sh/enabled": "true" },
    annotations: {
      "curfew.sh/main": "agent",
      // When the agent has ended, dockerd has 30 seconds, not the Pod's two hours.
      "grace-period-seconds.curfew.sh/dind": "30",
    },
  },
  spec: {
    template: {
      // Otherwise kubectl would show the first container's logs.
      metadata: { annotations: { "kubectl.kubernetes.io/default-container": "agent" } },
      spec: {
        restartPolicy: "Never",
        // If Kubernetes ends the Pod, as when a node is drained, an agent finishes its job first. An
        // idle one leaves at once.
        terminationGracePeriodSeconds: 7200,
        // The agent's environment has all it needs; builds get no credentials for the cluster.
        automountServiceAccountToken: false,
        containers: [
          {
            name: "dind",
            image: "docker:29-dind",
            args: ["dockerd", "--host=unix:///run/dind/docker.sock"],
            securityContext: { privileged: true },
            // No limit on CPU, as builds may use what's idle.
            resources: {
              requests: { cpu: "250m", memory: "1Gi", "ephemeral-storage": "4Gi" },
              limits: { memory: "8Gi" },
            },
            lifecycle: { postStart: { exec: { command: ["sh", "-c", UNTIL_DOCKERD] } } },
            volumeMounts: [
              { name: "dind", mountPath: "/run/dind" },
              // At the same path as in the agent, so that `docker run -v "$PWD:…"` finds the
              // checkout.
              { name: "builds", mountPath: "/buildkite/builds" },
              { name: "docker", mountPath: "/var/lib/docker" },
            ],
          },
          {
            name: "agent",
            image: AGENT_IMAGES[agentVersion],
            args: ["start"],
            resources: {
              requests: { cpu: "250m", memory: "512Mi", "ephemeral-storage": "1Gi" },
              limits: { memory: "4Gi" },
            },
            env: [
              { name: "BUILDKITE_AGENT_TOKEN", valueFrom: { secretKeyRef: { name: "buildkite-agent", key: "token" } } },
              { name: "DOCKER_HOST", value: "unix:///run/dind/docker.sock" },
              // In a wrapper, the image's tini isn't PID 1, and would warn about that in each log.
              { name: "TINI_SUBREAPER", value: "true" },
            ],
            volumeMounts: [
              { name: "dind", mountPath: "/run/dind" },
              { name: "builds", mountPath: "/buildkite/builds" },
            ],
          },
        ],
        volumes: [
          // If a build fills one of these, kubelet evicts only its Pod. A full disk would hit all
          // Pods on the node.
          { name: "dind", emptyDir: { sizeLimit: "1Mi" } },
          { name: "builds", emptyDir: { sizeLimit: "10Gi" } },
          { name: "docker", emptyDir: { sizeLimit: "20Gi" } },
        ],
      },
    },
  },
});

export const DEFAULT_TEMPLATE = defaultTemplate(3);
