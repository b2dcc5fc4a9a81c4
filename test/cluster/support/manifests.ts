/** Short forms of the Jobs that tests create. */

interface JobOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Fields of the Job's spec besides its template. */
  readonly spec?: object;
  /** Fields of the Pod's spec besides its containers. */
  readonly pod?: object;
  /** Of the Pod template. */
  readonly podAnnotations?: Readonly<Record<string, string>>;
}

export const ENABLED = { "curfew.sh/enabled": "true" } as const;

/** A Job. Labelled unless `labels` says otherwise, and never retried unless `spec` says so. */
export function job(name: string, containers: readonly object[], options: JobOptions = {}) {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, labels: options.labels ?? ENABLED, annotations: options.annotations ?? {} },
    spec: {
      backoffLimit: 0,
      ...options.spec,
      template: {
        metadata: { annotations: options.podAnnotations ?? {} },
        spec: { restartPolicy: "Never", terminationGracePeriodSeconds: 20, containers, ...options.pod },
      },
    },
  };
}

/** A container of busybox that runs a script; `more` are further fields. */
export function script(name: string, text: string, more: object = {}) {
  return { name, image: "busybox:1", imagePullPolicy: "IfNotPresent", command: ["sh", "-c", text], ...more };
}

/** A sidecar that says when it's told to stop, takes a moment to do so, and ends with `code`. */
export function politeSidecar(name = "sidecar", code = 0, more: object = {}) {
  const text = `echo started; trap 'echo stopping; sleep 0.3; echo stopped; exit ${code}' TERM; while :; do sleep 1 & wait $!; done`;
  return script(name, text, more);
}

/** docker:dind as people run it beside an agent: privileged, TCP on loopback, no TLS. */
export function dind(more: object = {}) {
  return {
    name: "dind",
    image: "docker:dind",
    imagePullPolicy: "IfNotPresent",
    securityContext: { privileged: true },
    env: [{ name: "DOCKER_TLS_CERTDIR", value: "" }],
    volumeMounts: [{ name: "docker", mountPath: "/var/lib/docker" }],
    ...more,
  };
}

/**
 * A main container with a docker client that waits for dockerd, asks it for its version, and then
 * runs `then`.
 */
export function dockerClient(then: string, more: object = {}) {
  const wait = "for _ in $(seq 300); do docker version >/dev/null 2>&1 && break; sleep 0.1; done";
  return {
    name: "agent",
    image: "buildkite/agent:3",
    imagePullPolicy: "IfNotPresent",
    env: [{ name: "DOCKER_HOST", value: "tcp://127.0.0.1:2375" }],
    command: ["sh", "-c", `${wait}; docker version --format 'dockerd {{.Server.Version}}' && { ${then}; }`],
    ...more,
  };
}

export const dockerVolume = { name: "docker", emptyDir: {} };
