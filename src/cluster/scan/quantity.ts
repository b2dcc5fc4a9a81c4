/** Kubernetes' quantities, and what a Pod requests. */

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * A quantity, such as `250m`, `1.5Gi` or `1e3`, as a number. 0 for anything else.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return 0;
  const [, amount, unit = ""] =
    /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]|[KMGTPE]i)?$/.exec(value) ?? [];
  return amount === undefined ? 0 : Number(amount) * (FACTORS[unit] ?? 0);
}

/** Cores, and bytes of memory. */
export interface Requests {
  readonly cpu: number;
  readonly memory: number;
}

interface Resources {
  readonly resources?: { readonly requests?: Readonly<Record<string, unknown>> | null } | null;
}

/** The fields of a Pod's spec that decide what it requests. */
export interface RequestingSpec extends Resources {
  readonly containers: readonly Resources[];
  readonly initContainers?: readonly (Resources & { readonly restartPolicy?: string | null })[] | null;
  readonly overhead?: Readonly<Record<string, unknown>> | null;
}

/**
 * What the scheduler sets aside for a Pod as long as it runs, which includes containers that have
 * ended: the sum of its containers and native sidecars, or what its init containers needed if that's
 * more, and the overhead; or the Pod's own requests (KEP-2837).
 * Source: PodRequests in k8s.io/component-helpers, resource/helpers.go.
 */
export function requestsOf(spec: RequestingSpec): Requests {
  return { cpu: requestOf(spec, "cpu"), memory: requestOf(spec, "memory") };
}

function requestOf(spec: RequestingSpec, resource: keyof Requests): number {
  const of = (holder: Resources): number => parseQuantity(holder.resources?.requests?.[resource]);
  let sidecars = 0;
  let peak = 0;
  for (const init of spec.initContainers ?? []) {
    if (init.restartPolicy === "Always") sidecars += of(init);
    else peak = Math.max(peak, sidecars + of(init));
  }
  const sum = spec.containers.reduce((total, container) => total + of(container), sidecars);
  const own = spec.resources?.requests?.[resource];
  return (own == null ? Math.max(sum, peak) : parseQuantity(own)) + parseQuantity(spec.overhead?.[resource]);
}
