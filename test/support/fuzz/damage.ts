/** How the fuzzer damages what it takes from the corpus: values of JSON, or bytes. */
import fc, { type Arbitrary } from "fast-check";
import { asJson, isObject } from "./corpus.ts";

/** Values to put anywhere: of the right or wrong type, long, odd, or meaningful elsewhere. */
const junk: Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0,
    1e21,
    [],
    {},
    [null],
    [[]],
    { name: null },
    "",
    "true",
    "x".repeat(10_000),
  ),
  fc.constantFrom("agent", "docker", "main", "sidecar", "tmp-pod", "trap", "native", "Always", "Never", "curfew", "-c"),
  fc.constantFrom(
    "/usr/share/pod",
    "/bin/sh",
    "$(A)",
    "$$(A)",
    "\0",
    "🙂",
    "\ud800",
    "a/b~c",
    "__proto__",
    "[",
    '["a"]',
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

type Damage =
  | { readonly kind: "replace" | "insert"; readonly way: readonly number[]; readonly value: unknown }
  | { readonly kind: "remove" | "double" | "nest"; readonly way: readonly number[] }
  /** Copies what's in one place to another place. */
  | { readonly kind: "copy"; readonly way: readonly number[]; readonly from: readonly number[] };

/** Which child to take at each level on the way down. */
const way = fc.array(fc.nat(20), { minLength: 1, maxLength: 9 });
const someDamage: Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constantFrom("replace" as const, "insert" as const), way, value: junk }),
  fc.record({ kind: fc.constantFrom("remove" as const, "double" as const, "nest" as const), way }),
  fc.record({ kind: fc.constant("copy" as const), way, from: way }),
);

/** One of `corpus`, damaged in up to four places. Some aren't damaged at all. */
export function damagedJson(corpus: readonly unknown[]): Arbitrary<unknown> {
  return fc
    .tuple(fc.nat(corpus.length - 1), fc.array(someDamage, { maxLength: 4 }))
    .map(([index, damages]) => damages.reduce(damaged, asJson(corpus[index])));
}

function damaged(root: unknown, damage: Damage): unknown {
  const holder = { root };
  const place = placeAt(holder, damage.way);
  if (place === undefined) return root;
  const { parent, key } = place;
  switch (damage.kind) {
    case "replace":
      parent[key] = asJson(damage.value);
      break;
    case "insert":
      if (Array.isArray(parent)) parent.splice(Number(key), 0, asJson(damage.value));
      else parent[typeof damage.value === "string" ? damage.value.slice(0, 100) : "extra"] = asJson(damage.value);
      break;
    case "remove":
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else Reflect.deleteProperty(parent, key);
      break;
    case "double":
      if (Array.isArray(parent)) parent.splice(Number(key), 0, asJson(parent[Number(key)] ?? null));
      else parent[key] = [parent[key], parent[key]];
      break;
    case "nest":
      parent[key] = { [key]: [parent[key] ?? null] };
      break;
    case "copy": {
      const from = placeAt(holder, damage.from);
      if (from !== undefined) parent[key] = asJson(from.parent[from.key] ?? null);
    }
  }
  return holder.root;
}

/** Where a way ends: at a value without children, or at its last step. */
function placeAt(
  holder: object,
  steps: readonly number[],
): { readonly parent: Record<string, unknown>; readonly key: string } | undefined {
  let parent = holder as Record<string, unknown>;
  let key = "root";
  for (const step of steps) {
    const value = parent[key];
    if (!isObject(value) && !Array.isArray(value)) break;
    const keys = Object.keys(value);
    parent = value as Record<string, unknown>;
    key = keys[step % (keys.length + 1)] ?? (Array.isArray(value) ? String(keys.length) : "extra");
  }
  return { parent, key };
}

/** One of `corpus`, with bytes removed, inserted or replaced in up to three places. */
export function damagedBytes(corpus: readonly (string | Uint8Array)[]): Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(30),
    put: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc
        .constantFrom('"', "\\", "{", "[", "}", "\r\n", "\n", "\0", ",", ":", "\t", "&a *a", "---", "\ufeff", "\ud800")
        .map((text) => Buffer.from(text)),
    ),
  });
  return fc.tuple(fc.nat(corpus.length - 1), fc.array(edit, { minLength: 1, maxLength: 3 })).map(([index, edits]) =>
    edits.reduce<Uint8Array>(
      (bytes, { at, cut, put }) => {
        const start = Math.floor(at * bytes.length);
        return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + cut)]);
      },
      Buffer.from(corpus[index] ?? ""),
    ),
  );
}
