/**
 * What keeps a strategy from its promises. This table is the whole choice of strategy: the planner asks it, `curfew explain`,
 * refusals and metrics speak in its terms, and a test compares docs/reference.md with it.
 */
import type { Strategy } from "./plan.ts";

/**
 * What a Job may lose, from the least to the most: the orderly end of a container; its result, such as an exit code, or work that is
 * done twice; the whole Job, which can't start or never ends. `hard` rules the strategy out. The others are soft: `auto` weighs them,
 * and a Job that asks for the strategy by name, or has no other, gets a warning.
 */
export const SEVERITIES = ["end", "result", "job", "hard"] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Limit {
  readonly strategy: Strategy;
  readonly severity: Severity;
  /** What is in the way, and whom it would hurt. */
  readonly sentence: string;
  /** What its author can do about it, besides another strategy. */
  readonly wayOut: string;
}

export const LIMITS = {
  "argv-unknown": {
    strategy: "trap",
    severity: "hard",
    sentence: "The manifest has no command, and the image is none whose entry point Curfew knows.",
    wayOut: "set command in the manifest, or command.curfew.sh/CONTAINER to the image's entry point",
  },
  "no-shell": {
    strategy: "trap",
    severity: "hard",
    sentence: "The image is known to have no shell, which the wrapper needs.",
    wayOut: "use a tag of the image that has a shell, or name one with shell.curfew.sh/CONTAINER",
  },
  "mount-path-taken": {
    strategy: "trap",
    severity: "hard",
    sentence:
      "Something other than one writable emptyDir for all containers is mounted at, above or below /usr/share/pod.",
    wayOut: "mount it elsewhere",
  },
  "restart-rules": {
    strategy: "trap",
    severity: "hard",
    sentence: "The sidecar's own restartPolicy or rules (KEP-5307) would restart it once Curfew has ended it with 0.",
    wayOut: "remove the sidecar's restartPolicy and restartPolicyRules",
  },
  windows: {
    strategy: "trap",
    severity: "hard",
    sentence: "The Pod runs on Windows, and the wrapper is a POSIX shell script.",
    wayOut: "run the Pod on Linux",
  },
  "main-restarts": {
    strategy: "trap",
    severity: "result",
    sentence:
      "Restart rules (KEP-5307), or main containers of different restart policies: when one fails for good, sidecars wait for its restart until the start timeout.",
    wayOut: "give all main containers the Pod's restartPolicy and no rules, or set curfew.sh/start-timeout-seconds low",
  },
  "shell-not-evident": {
    strategy: "trap",
    severity: "job",
    sentence: "Nothing shows that the image has a shell: without one the container could not start.",
    wayOut: "say with shell.curfew.sh/CONTAINER where its shell is, as in /bin/sh",
  },
  "pre-stop": {
    strategy: "trap",
    severity: "end",
    sentence:
      "The sidecar's preStop hook runs only where kubelet ends the container, and under trap it ends by itself.",
    wayOut: "do what the hook does when the sidecar gets TERM",
  },
  "stop-signal": {
    strategy: "trap",
    severity: "end",
    sentence:
      "The container has a stop signal that the wrapper does not use: it ends a sidecar by TERM, and hands main no real-time signal.",
    wayOut: "remove lifecycle.stopSignal, and heed TERM",
  },
  "signals-itself": {
    strategy: "trap",
    severity: "result",
    sentence:
      "A script in the argv sends signals to itself or to its process group, as in kill 0: PID 1 outlives those, a process under the wrapper dies of them.",
    wayOut: "signal only what the script has started, as in kill $(jobs -p)",
  },
  "needs-pid-1": {
    strategy: "trap",
    severity: "job",
    sentence: "The container runs an init system, which does its work as PID 1 only, and that is the wrapper.",
    wayOut: "run the program itself",
  },
  probes: {
    strategy: "trap",
    severity: "end",
    sentence: "When the sidecar's liveness or startup probe fails, kubelet's TERM is held back while main runs.",
    wayOut: "remove the probe, or use a readiness probe",
  },
  tty: {
    strategy: "trap",
    severity: "end",
    sentence: "The container has a terminal, and shares it with the wrapper's shell.",
    wayOut: "remove tty",
  },
  "old-nodes": {
    strategy: "native",
    severity: "hard",
    sentence: "The operator has said that some nodes are older than Kubernetes 1.29 and know no native sidecars.",
    wayOut: "upgrade the nodes, or ask the operator",
  },
  "own-restart-policy": {
    strategy: "native",
    severity: "hard",
    sentence:
      "The sidecar has a restartPolicy other than Always or restart rules (KEP-5307), which a native sidecar cannot keep.",
    wayOut: "remove the sidecar's restartPolicy and restartPolicyRules",
  },
  "pod-failure-policy-rules": {
    strategy: "native",
    severity: "hard",
    sentence:
      "The Job's podFailurePolicy would need more than 20 rules, once those on exit codes each name a container other than the sidecars.",
    wayOut: "give the rules on exit codes a containerName",
  },
  "birth-deps": {
    strategy: "native",
    severity: "hard",
    sentence:
      "kubexit waits for the sidecar to start (KUBEXIT_BIRTH_DEPS), and looks for it where native sidecars are not listed.",
    wayOut: "remove the sidecar's name from KUBEXIT_BIRTH_DEPS, as a native sidecar starts first anyway",
  },
  "holds-main-back": {
    strategy: "native",
    severity: "job",
    sentence:
      "A native sidecar's startupProbe or postStart hook holds main back: if it waits for something that main does, main never starts.",
    wayOut: "remove the startupProbe or postStart hook, or use a readinessProbe",
  },
  "failure-counts": {
    strategy: "native",
    severity: "result",
    sentence:
      "A rule of the Job's podFailurePolicy counts the sidecar's exit code, and that of a native sidecar doesn't count.",
    wayOut: "give the rules on exit codes the containerName of a main container",
  },
  "may-end-by-itself": {
    strategy: "native",
    severity: "result",
    sentence:
      "Nothing shows that the sidecar runs until it's stopped: a native one that ends by itself is started again and again.",
    wayOut: "name it in curfew.sh/main if it ends by itself",
  },
  "grace-period": {
    strategy: "native",
    severity: "end",
    sentence: "A native sidecar has no grace period of its own: the Pod's is shared by all.",
    wayOut: "set the Pod's terminationGracePeriodSeconds",
  },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitId = keyof typeof LIMITS;
