/** Checks at the door that a value has the shape of a Job, as far as a plan reads it. */
import type { Job, PodTemplate } from "./job.ts";
import {
  anything,
  boolean,
  integer,
  listOf,
  mapOfStrings,
  objectWith,
  optional,
  string,
  textOfAtMost,
} from "./shape.ts";

/**
 * More wrapped sidecars than etcd could store in one Job (1.5 MB, at 6 KB each), and far more
 * containers than any Pod has. Without a limit, a Job of 3 MB, which the API server would refuse in
 * the end, would need a patch of 300 MB.
 */
const MAX_CONTAINERS = 256;
/** For the volumes of a Pod, and for the mounts of a container. */
const MAX_VOLUMES = 1024;
/**
 * An RFC 1123 label: the API server accepts none that's longer. Every sidecar's wrapper holds the
 * names of all mains.
 */
const containerName = textOfAtMost(63);

const strings = optional(listOf(string));

const metadata = optional(objectWith({ labels: optional(mapOfStrings), annotations: optional(mapOfStrings) }));

const restartRule = objectWith({
  exitCodes: optional(objectWith({ operator: optional(string), values: optional(listOf(integer)) })),
});

const ofAnyUser = { runAsUser: optional(integer), runAsNonRoot: optional(boolean) };

const container = objectWith({
  name: containerName,
  image: optional(string),
  command: strings,
  args: strings,
  volumeMounts: optional(
    listOf(
      objectWith({
        name: string,
        mountPath: string,
        readOnly: optional(boolean),
        subPath: optional(string),
        subPathExpr: optional(string),
      }),
      MAX_VOLUMES,
    ),
  ),
  lifecycle: optional(objectWith({ preStop: anything, stopSignal: optional(string) })),
  tty: optional(boolean),
  securityContext: optional(
    objectWith({
      ...ofAnyUser,
      privileged: optional(boolean),
      capabilities: optional(objectWith({ add: strings, drop: strings })),
    }),
  ),
  restartPolicy: optional(string),
  restartPolicyRules: optional(listOf(restartRule)),
});

const pod = objectWith({
  metadata,
  spec: objectWith({
    containers: listOf(container, MAX_CONTAINERS),
    initContainers: optional(listOf(container, MAX_CONTAINERS)),
    volumes: optional(listOf(objectWith({ name: string }), MAX_VOLUMES)),
    restartPolicy: optional(string),
    terminationGracePeriodSeconds: optional(integer),
    securityContext: optional(objectWith(ofAnyUser)),
    os: optional(objectWith({ name: optional(string) })),
    nodeSelector: optional(mapOfStrings),
  }),
});

const job = objectWith({
  metadata,
  spec: objectWith({
    template: pod,
    suspend: optional(boolean),
    podFailurePolicy: optional(
      objectWith({
        rules: optional(listOf(objectWith({ onExitCodes: optional(objectWith({ containerName: optional(string) })) }))),
      }),
    ),
  }),
});

/** The value as a Job, or what's wrong with it: a JSON Pointer and what should be there. */
export function parseJob(value: unknown): { readonly job: Job } | { readonly problem: string } {
  const problem = job(value);
  return problem === undefined ? { job: value as Job } : { problem: withSubject(problem) };
}

/** The value as a Pod, or what's wrong with it, as in {@link parseJob}. */
export function parsePod(value: unknown): { readonly pod: PodTemplate } | { readonly problem: string } {
  const problem = pod(value);
  return problem === undefined ? { pod: value as PodTemplate } : { problem: withSubject(problem) };
}

/**
 * A CronJob's `spec.jobTemplate`, which has the shape of a Job, or what's wrong, as in {@link
 * parseJob}.
 */
export function parseCronJob(value: unknown): { readonly jobTemplate: Job } | { readonly problem: string } {
  const problem = objectWith({ spec: objectWith({ jobTemplate: job }) })(value);
  return problem === undefined
    ? { jobTemplate: (value as { spec: { jobTemplate: Job } }).spec.jobTemplate }
    : { problem: withSubject(problem) };
}

/** A problem with the value itself has no JSON Pointer before it. */
function withSubject(problem: string): string {
  return problem.startsWith(" ") ? `it${problem}` : problem;
}
