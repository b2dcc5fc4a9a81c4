/** Finds the objects in a manifest, and values inside them, whatever their shape. */

/** An object of a manifest, on its own or in a List, and its place: a JSON Pointer (RFC 6901). */
export interface FoundObject {
  readonly value: Readonly<Record<string, unknown>>;
  readonly pointer: string;
}

/** All objects in a manifest, in their order, of any kind. */
export function findObjects(value: unknown, pointer = ""): FoundObject[] {
  if (!isObject(value)) return [];
  const { kind, items } = value;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [{ value, pointer }];
  return items.flatMap((item: unknown, index) => findObjects(item, `${pointer}/items/${index}`));
}

/** What's at `path` in a value of any shape; a number is an item of a list. Undefined: nothing. */
export function valueAt(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (current, key) => (isObject(current) ? (current as Record<string | number, unknown>)[key] : undefined),
    value,
  );
}

/** The items of the list at `path`; none if there's no list. */
export function itemsAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const list = valueAt(value, ...path);
  return Array.isArray(list) ? list : [];
}

/** How messages name an object. */
export interface ObjectName {
  readonly name: string;
  readonly namespace?: string;
}

/** The object's name, or its prefix if the API server generates the name, and its namespace. */
export function nameOf(object: unknown): ObjectName {
  const name = valueAt(object, "metadata", "name") ?? valueAt(object, "metadata", "generateName");
  const namespace = valueAt(object, "metadata", "namespace");
  return {
    name: typeof name === "string" ? name : "(without a name)",
    ...(typeof namespace === "string" ? { namespace } : {}),
  };
}

/** `group` of `apiVersion: group/version`; empty for the core group. Undefined: no apiVersion. */
export function groupOf(object: unknown): string | undefined {
  const apiVersion = valueAt(object, "apiVersion");
  if (typeof apiVersion !== "string") return undefined;
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

/** Whether it has fields or items. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
