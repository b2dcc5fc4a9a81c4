/**
 * What a strategy can't do, or not without harm. The choice of strategy depends on this table
 * alone. The planner, `curfew explain`, refusals and metrics read it, and a test compares
 * docs/reference.md with it.
 */
import type { Strategy } from "./names.ts";

/**
 * What a Job can lose, from the least to the most. `end`: the orderly end of a container. `result`:
 * its result, such as an exit code, or work is done twice. `job`: the whole Job, as it can't start
 * or never ends. `hard` rules the strategy out. The others are soft: `auto` weighs them, and a Job
 * that asks for the strategy by name, or has no other choice, gets a warning.
 */
export const SEVERITIES = ["end", "result", "job", "hard"] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Limit {
  readonly strategy: Strategy;
  readonly severity: Severity;
  /** What's in the way, and what harm it could do. */
  readonly sentence: string;
  /** What the Job's author can do about it, other than choose another strategy. */
  readonly wayOut: string;
}

export const LIMITS = {
  "argv-unknown": {
    strategy: "trap",
    severity: "hard",
    sentence: "The manifest sets no command, and Curfew doesn't know the image's entry point.",
    wayOut: "set command, or set command.curfew.sh/CONTAINER to the image's entry point, as in '[\"/entrypoint.sh\"]'",
  },
  "no-shell": {
    strategy: "trap",
    severity: "hard",
    sentence: "The wrapper needs a shell, and the image is known to have none.",
    wayOut: "use a tag of the image that has a shell, or set shell.curfew.sh/CONTAINER to the path of one",
  },
  "mount-path-taken": {
    strategy: "trap",
    severity: "hard",
    sentence:
      "Something other than one writable emptyDir, shared by all containers, is mounted at, above or below /usr/share/pod.",
    wayOut: "mount it elsewhere",
  },
  "restart-rules": {
    strategy: "trap",
    severity: "hard",
    sentence:
      "The sidecar's own restartPolicy or restart rules (KEP-5307) would restart it after Curfew stops it with exit code 0.",
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
      "There are restart rules (KEP-5307), or main containers with different restart policies. If a main container fails for good, sidecars wait for its restart until the start timeout.",
    wayOut: "give all main containers the Pod's restartPolicy and no rules, or set curfew.sh/start-timeout-seconds low",
  },
  "shell-not-evident": {
    strategy: "trap",
    severity: "job",
    sentence: "Nothing shows that the image has a shell. If it has none, the container can't start.",
    wayOut: "set shell.curfew.sh/CONTAINER to the path of its shell, such as /bin/sh",
  },
  "pre-stop": {
    strategy: "trap",
    severity: "end",
    sentence:
      "The sidecar's preStop hook runs only when kubelet stops the container. Under trap the wrapper stops it, so the hook doesn't run.",
    wayOut: "let the sidecar do on TERM what the hook does",
  },
  "stop-signal": {
    strategy: "trap",
    severity: "end",
    sentence:
      "The wrapper stops sidecars with TERM and can't pass real-time signals to main, so the container's stop signal isn't used.",
    wayOut: "remove lifecycle.stopSignal, and handle TERM",
  },
  "signals-itself": {
    strategy: "trap",
    severity: "result",
    sentence:
      "A script in the argv signals itself or its process group, as in kill 0. Only PID 1 survives that, and under trap the wrapper is PID 1. Or it looks for processes by command line or for shells, as in pkill -f, and finds the wrapper, too.",
    wayOut: "signal only what the script started, as in kill $(jobs -p)",
  },
  "cannot-signal": {
    strategy: "trap",
    severity: "end",
    sentence:
      "The container can change its user, but lacks the capability KILL. If it changes its user, the wrapper can't signal it.",
    wayOut: "add the capability KILL, or run the container as the user that it changes to",
  },
  "needs-pid-1": {
    strategy: "trap",
    severity: "job",
    sentence: "The container runs an init system, which works only as PID 1. Under trap, the wrapper is PID 1.",
    wayOut: "run the program without the init system",
  },
  probes: {
    strategy: "trap",
    severity: "end",
    sentence:
      "If the sidecar's liveness or startup probe fails, the wrapper holds back kubelet's TERM while main runs.",
    wayOut: "remove the probe, or use a readiness probe",
  },
  tty: {
    strategy: "trap",
    severity: "end",
    sentence: "The container has a terminal, which it shares with the wrapper's shell under trap.",
    wayOut: "remove tty",
  },
  "old-nodes": {
    strategy: "native",
    severity: "hard",
    sentence: "Some nodes are older than Kubernetes 1.29 and don't support native sidecars (the operator's setting).",
    wayOut: "upgrade the nodes, or ask the operator",
  },
  "own-restart-policy": {
    strategy: "native",
    severity: "hard",
    sentence:
      "The sidecar has a restartPolicy other than Always or restart rules (KEP-5307), which a native sidecar can't have.",
    wayOut: "remove the sidecar's restartPolicy and restartPolicyRules",
  },
  "pod-failure-policy-rules": {
    strategy: "native",
    severity: "hard",
    sentence:
      "The Job's podFailurePolicy would need more than 20 rules, because native splits each rule on exit codes by container.",
    wayOut: "set containerName in the rules on exit codes",
  },
  "birth-deps": {
    strategy: "native",
    severity: "hard",
    sentence: "kubexit waits for the sidecar to start (KUBEXIT_BIRTH_DEPS), but doesn't see native sidecars.",
    wayOut: "remove the sidecar's name from KUBEXIT_BIRTH_DEPS, as a native sidecar starts first anyway",
  },
  "holds-main-back": {
    strategy: "native",
    severity: "job",
    sentence:
      "A native sidecar's startupProbe or postStart hook delays main. If it waits for something that main does, main never starts.",
    wayOut: "remove the startupProbe or postStart hook, or use a readinessProbe",
  },
  "failure-counts": {
    strategy: "native",
    severity: "result",
    sentence: "A podFailurePolicy rule looks at the sidecar's exit code, which doesn't count under native.",
    wayOut: "set containerName to a main container in the rules on exit codes",
  },
  "may-end-by-itself": {
    strategy: "native",
    severity: "result",
    sentence:
      "Nothing shows that this container runs until it's stopped. If it ends by itself, kubelet restarts it again and again.",
    wayOut: "name it in curfew.sh/sidecars if it runs until it's stopped, or else in curfew.sh/main",
  },
  "grace-period": {
    strategy: "native",
    severity: "end",
    sentence: "A native sidecar has no grace period of its own; it shares the Pod's.",
    wayOut: "set the Pod's terminationGracePeriodSeconds",
  },
} as const satisfies Readonly<Record<string, Limit>>;

export type LimitId = keyof typeof LIMITS;
