import type { JobTemplate } from "./config.ts";

/**
 * The Job of 2020: a Buildkite agent and a Docker daemon for its builds, as plain containers, without the hand-made hack: the label has
 * Curfew end the daemon when the agent has ended. The agent's token is read from the Secret `buildkite-agent`, key `token` (in acquire
 * mode a token for the one job takes its place). The daemon listens on a socket that only the two share, not on the Pod's address.
 */
export const DEFAULT_TEMPLATE: JobTemplate = {
  metadata: { labels: { "curfew.sh/enabled": "true" }, annotations: { "curfew.sh/main": "agent" } },
  spec: {
    template: {
      spec: {
        restartPolicy: "Never",
        // The agent's environment has all it needs; builds get no credentials for the cluster.
        automountServiceAccountToken: false,
        containers: [
          {
            name: "agent",
            image: "buildkite/agent:3.138.1",
            args: ["start"],
            env: [
              { name: "BUILDKITE_AGENT_TOKEN", valueFrom: { secretKeyRef: { name: "buildkite-agent", key: "token" } } },
              { name: "DOCKER_HOST", value: "unix:///run/dind/docker.sock" },
            ],
            volumeMounts: [
              { name: "dind", mountPath: "/run/dind" },
              { name: "builds", mountPath: "/buildkite/builds" },
            ],
          },
          {
            name: "dind",
            image: "docker:29-dind",
            args: ["dockerd", "--host=unix:///run/dind/docker.sock"],
            securityContext: { privileged: true },
            volumeMounts: [
              { name: "dind", mountPath: "/run/dind" },
              // At the same path as in the agent, so that `docker run -v "$PWD:…"` finds the checkout.
              { name: "builds", mountPath: "/buildkite/builds" },
              { name: "docker", mountPath: "/var/lib/docker" },
            ],
          },
        ],
        volumes: [
          { name: "dind", emptyDir: {} },
          { name: "builds", emptyDir: {} },
          { name: "docker", emptyDir: {} },
        ],
      },
    },
  },
};
