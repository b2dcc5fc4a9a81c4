/**
 * Jobs for property tests: ordinary parts in odd combinations. The API server would accept each,
 * except for what Curfew should refuse.
 */
import fc, { type Arbitrary } from "fast-check";
import type { PlanOptions } from "../../../src/injection/plan.ts";
import { arbitraryContainer, orNull, rarely, text, type GeneratedContainer } from "./arbitrary-container.ts";

interface Annotated {
  readonly annotations?: Readonly<Record<string, string>> | null;
}

export interface GeneratedRule {
  readonly onExitCodes?: { readonly containerName?: string | null; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface GeneratedPodSpec {
  readonly containers: readonly GeneratedContainer[];
  readonly initContainers?: readonly GeneratedContainer[] | null;
  readonly volumes?: readonly { readonly name: string }[] | null;
  readonly [field: string]: unknown;
}

export interface GeneratedJob {
  readonly metadata: Annotated & { readonly [field: string]: unknown };
  readonly spec: {
    readonly podFailurePolicy?: { readonly rules: readonly GeneratedRule[] } | null;
    readonly template: {
      readonly metadata?: Annotated | null;
      readonly spec: GeneratedPodSpec;
      readonly [field: string]: unknown;
    };
    readonly [field: string]: unknown;
  };
}

/** Half of them are evidently sidecars, so many Jobs need no annotation. */
const NAMES = ["tests", "agent", "a", "main", "curfew", "dind", "proxy", "db-proxy", "logs-sidecar", "x-dind-1"];

const arbitraryVolumes = fc.uniqueArray(
  fc
    .tuple(
      fc.constantFrom("tmp-pod", "tmp-pod-2", "data"),
      fc.constantFrom({ emptyDir: {} }, { emptyDir: null }, {}, { configMap: { name: "x" } }),
    )
    .map(([name, source]) => ({ name, ...source })),
  { maxLength: 3, selector: ({ name }) => name },
);

/** Most are valid for these containers. One Job in twenty has one that isn't. */
function annotations(names: readonly string[]): Arbitrary<Record<string, string>> {
  const seconds = fc.constantFrom("0", "5", "30", "3600");
  const command = fc.array(text, { maxLength: 2 }).map((more) => JSON.stringify(["/app", ...more]));
  const shell = fc.constantFrom("/bin/sh", "/opt/bash", "/busybox/sh");
  const name = fc.constantFrom(...names);
  const some = fc.array(
    fc.oneof(
      fc.tuple(fc.constantFrom("curfew.sh/main", "curfew.sh/sidecars", "curfew.sh/ignore"), name),
      fc.tuple(
        fc.constantFrom("curfew.sh/main", "curfew.sh/sidecars"),
        fc.subarray([...names], { minLength: 1 }).map(String),
      ),
      fc.tuple(fc.constant("curfew.sh/strategy"), fc.constantFrom("auto", "trap", "native")),
      fc.tuple(fc.constant("curfew.sh/start-timeout-seconds"), seconds),
      fc.tuple(fc.constant("curfew.sh/injected"), fc.constantFrom("trap", "native", "none", "x")),
      fc.tuple(fc.constantFrom("kubectl.kubernetes.io/default-container", "corp.example/a~b", "curfew.sh/mian"), text),
      fc.tuple(
        name.map((each) => `grace-period-seconds.curfew.sh/${each}`),
        seconds,
      ),
      fc.tuple(
        name.map((each) => `shell.curfew.sh/${each}`),
        shell,
      ),
      fc.tuple(
        name.map((each) => `command.curfew.sh/${each}`),
        command,
      ),
    ),
    { maxLength: 3 },
  );
  const wrong = fc.tuple(fc.constantFrom("curfew.sh/main", "curfew.sh/strategy", "shell.curfew.sh/nobody"), text);
  const roles = fc.oneof(
    fc.constant([]),
    fc.tuple(fc.tuple(fc.constant("curfew.sh/main"), name)),
    fc.tuple(fc.tuple(fc.constant("curfew.sh/sidecars"), name)),
  );
  return fc
    .tuple(roles, some, rarely(wrong))
    .map(([named, entries, mistake]) => Object.fromEntries([...named, ...entries, ...(mistake ? [mistake] : [])]));
}

function rules(names: readonly string[]): Arbitrary<GeneratedRule[]> {
  const onExitCodes = fc.record(
    {
      containerName: fc.constantFrom(null, ...names),
      operator: fc.constantFrom("In", "NotIn"),
      values: fc.constantFrom([1], [42, 137]),
    },
    { requiredKeys: ["operator", "values"] },
  );
  const rule: Arbitrary<GeneratedRule> = fc.oneof(
    fc.record({ action: fc.constantFrom("FailJob", "Ignore", "Count"), onExitCodes }),
    fc.constant({ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] }),
  );
  return fc.oneof(fc.array(rule, { maxLength: 3 }), fc.array(rule, { maxLength: 20 }));
}

/** A Job that has the label that opts in. */
export const arbitraryJob: Arbitrary<GeneratedJob> = fc
  .record({
    names: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 2, maxLength: 6 }),
    inits: fc.nat(2),
    volumes: orNull(arbitraryVolumes),
  })
  .chain(({ names, inits: wantedInits, volumes }) => {
    const inits = names.slice(0, Math.min(wantedInits, names.length - 1));
    const mains = names.slice(inits.length);
    const volumeNames = (volumes ?? []).map(({ name }) => name);
    const containersOf = (some: readonly string[]): Arbitrary<GeneratedContainer[]> =>
      fc.tuple(...some.map((name) => arbitraryContainer(name, volumeNames)));
    const podSpec = {
      restartPolicy: fc.constantFrom("Never", "OnFailure"),
      containers: containersOf(mains),
      initContainers: inits.length === 0 ? orNull(fc.constant([])) : containersOf(inits),
      volumes: fc.constant(volumes),
      terminationGracePeriodSeconds: orNull(fc.constantFrom(0, 1, 30, 600)),
      nodeSelector: rarely(fc.constantFrom({ "kubernetes.io/os": "windows" }, { "kubernetes.io/os": "linux" })),
      futureField: rarely(fc.constant([{ a: null }])),
    };
    const template = {
      metadata: orNull(fc.record({ annotations: orNull(annotations(mains)) }, { requiredKeys: [] })),
      spec: fc.record(podSpec, { requiredKeys: ["restartPolicy", "containers", "volumes"] }),
      futureField: rarely(fc.constant({})),
    };
    const spec = {
      podFailurePolicy: orNull(fc.record({ rules: rules(names) })),
      template: fc.record(template, { requiredKeys: ["spec"] }),
      futureField: rarely(fc.constant("x")),
    };
    const metadata = {
      labels: fc.constant({ "curfew.sh/enabled": "true" }),
      annotations: orNull(annotations(mains)),
    };
    return fc.record({
      metadata: fc.record(metadata, { requiredKeys: ["labels"] }),
      spec: fc.record(spec, { requiredKeys: ["template"] }),
    });
  });

export const arbitraryOptions: Arbitrary<PlanOptions> = fc.record(
  {
    strategy: fc.constantFrom("auto", "auto", "trap", "native"),
    nativeSidecars: fc.constantFrom(true, true, false),
  },
  { requiredKeys: [] },
);
