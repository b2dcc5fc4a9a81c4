/** What other projects' controllers make Pods or Jobs of. */
import { valueAt } from "./find-objects.ts";

/** A path in an object. A number is an item of a list. */
export type Path = readonly (string | number)[];

export interface MadeTemplate {
  /** What the project calls it, such as `worker`. Undefined: it has no name. */
  readonly name?: string;
  readonly path: Path;
  /** The labels that the controller copies to what it makes. */
  readonly labels: Path;
  readonly makes: "Job" | "Pod";
  /** The Job or Pod, as far as the manifest shows it. */
  readonly made: unknown;
  /** Containers that the project's own webhook adds when the Pod is created. */
  readonly late?: readonly unknown[];
}

/** The name of a list's item. Some projects allow items without one. */
export function named(item: unknown): { readonly name?: string } {
  const name = valueAt(item, "name");
  return typeof name === "string" ? { name } : {};
}

/** `spec.tasks[0].template`, as in the API server's messages. */
export function showPath(path: Path): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .slice(1);
}

/** The paths for a sentence. Those that differ only by their index are one: `spec.tasks[].name`. */
export function showPlaces(paths: readonly Path[]): string {
  if (paths.length === 1) return paths.map(showPath).join("");
  return [...new Set(paths.map((path) => showPath(path).replaceAll(/\[\d+\]/g, "[]")))].join(" and ");
}
