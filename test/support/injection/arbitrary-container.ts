/**
 * Containers for property tests, half of them ordinary, half made of odd parts. The API server
 * would accept each.
 */
import fc, { type Arbitrary } from "fast-check";

export interface GeneratedContainer {
  readonly name: string;
  readonly image?: string | null;
  readonly command?: readonly string[] | null;
  readonly args?: readonly string[] | null;
  readonly volumeMounts?: readonly GeneratedMount[] | null;
  readonly restartPolicy?: string | null;
  readonly [field: string]: unknown;
}

export interface GeneratedMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean | null;
}

const SHELL_IMAGES = ["alpine:3", "node", "docker:27-dind", "buildkite/agent:3", "cloud-sql-proxy:2-alpine"];
const OTHER_IMAGES = [
  ...["docker:27", "cloud-sql-proxy:2", "gcr.io/distroless/static", "corp.example/app:1", "corp.example/app@sha256:0"],
  ...["envoyproxy/envoy:v1", "::@/", ""],
];
const PATHS = [
  ...["/usr/share/pod", "/usr/share/pod/", "/usr//share/./pod", "/a/../usr/share/pod"],
  ...["/usr/share/pod/x", "/usr/share", "/", "/data", "/data/usr/share/pod"],
];

/** What people and attackers could write where any text is allowed. */
export const text: Arbitrary<string> = fc.oneof(
  fc.constantFrom("x", "$(HOME)", "$$", "$$(X)", "`id`", "'; exit 1; '", '"', "\n", "é", "-c", ""),
  fc.string({ unit: "binary", maxLength: 20 }),
);

/** Null one time in three. Kubernetes treats null as absent. */
export function orNull<T>(value: Arbitrary<T>): Arbitrary<T | null> {
  return fc.option(value, { freq: 3 });
}

/** Null nineteen times in twenty. */
export function rarely<T>(value: Arbitrary<T>): Arbitrary<T | null> {
  return fc.oneof({ weight: 1, arbitrary: value }, { weight: 19, arbitrary: fc.constant(null) });
}

export function arbitraryContainer(name: string, volumes: readonly string[]): Arbitrary<GeneratedContainer> {
  const texts = fc.array(text, { maxLength: 3 });
  const variable = fc.record({ name: fc.constantFrom("HOME", "discovery.type", "1", "a(b"), value: text });
  const common = {
    name: fc.constant(name),
    args: orNull(texts),
    env: orNull(fc.uniqueArray(variable, { maxLength: 2, selector: (each) => each.name })),
    readinessProbe: orNull(fc.constant({ exec: { command: ["true"] } })),
    futureField: orNull(fc.constant({ nested: [1, null, { "a/b~c": true }] })),
  };
  const ordinary = {
    ...common,
    image: fc.constantFrom(...SHELL_IMAGES),
    command: fc.constantFrom(["sh", "-c", "x"], ["/bin/bash", "$(X)"], ["/app"]),
    volumeMounts: orNull(mounts(volumes, ["/data", "/usr/share/pod"])),
  };
  const odd = {
    ...common,
    image: fc.constantFrom(...SHELL_IMAGES, ...OTHER_IMAGES),
    command: orNull(fc.oneof(texts, fc.constantFrom(["dash"], ["$(SHELL)", "x"]))),
    volumeMounts: orNull(mounts(volumes, PATHS)),
    lifecycle: rarely(fc.constantFrom({ preStop: { exec: { command: ["x"] } } }, { postStart: {} })),
    livenessProbe: rarely(fc.constant({ exec: { command: ["true"] } })),
    startupProbe: rarely(fc.constant({ exec: { command: ["true"] } })),
    tty: rarely(fc.boolean()),
    restartPolicy: rarely(fc.constantFrom("Always", "OnFailure", "Never")),
    restartPolicyRules: rarely(fc.constant([{ action: "Restart", exitCodes: { operator: "In", values: [42] } }])),
  };
  return fc.oneof(
    fc.record(ordinary, { requiredKeys: ["name", "image", "command"] }),
    fc.record(odd, { requiredKeys: ["name", "image"] }),
  );
}

function mounts(volumes: readonly string[], paths: readonly string[]): Arbitrary<GeneratedMount[]> {
  if (volumes.length === 0) return fc.constant([]);
  const mount = fc.record(
    {
      name: fc.constantFrom(...volumes),
      mountPath: fc.constantFrom(...paths),
      readOnly: orNull(fc.boolean()),
      subPath: rarely(fc.constant("x")),
    },
    { requiredKeys: ["name", "mountPath"] },
  );
  return fc.uniqueArray(mount, { maxLength: 2, selector: ({ mountPath }) => mountPath });
}
