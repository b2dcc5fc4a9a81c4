/**
 * The planner's goldens. Each `SITUATION.in.yaml` holds an object. Its `SITUATION.golden.yaml`
 * holds the plan, as people see it, and the resulting object. A first line `# options: {…}` gives
 * the planner's options. The tests attach no meaning to file names.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import type { PlanOptions } from "../../../src/injection/plan.ts";
import { unabridge } from "./placeholder-scripts.ts";

const FOLDER = path.join(import.meta.dirname, "../../unit/injection/golden");
const INPUT = ".in.yaml";
const GOLDEN = ".golden.yaml";

export interface Situation {
  readonly name: string;
  /** The input file, with the scripts abridged. */
  readonly text: string;
  /** The file's options; undefined if it has none and the defaults apply. */
  readonly options: PlanOptions | undefined;
  readonly goldenFile: string;
}

export const SITUATIONS: readonly Situation[] = namesOf(INPUT).map((name) => {
  const text = readFileSync(path.join(FOLDER, name + INPUT), "utf8");
  const options = /^# options: (.*)/.exec(text)?.[1];
  return {
    name,
    text,
    options: options === undefined ? undefined : (JSON.parse(options) as PlanOptions),
    goldenFile: path.join(FOLDER, name + GOLDEN),
  };
});

/** The text's documents, with the scripts filled in. */
export function documentsOf(text: string): readonly unknown[] {
  return parseAllDocuments(text).map((document) => unabridge(document.toJS()));
}

/** Paths of goldens that belong to no situation. */
export function orphanedGoldens(): readonly string[] {
  const names = new Set(SITUATIONS.map(({ name }) => name));
  return namesOf(GOLDEN)
    .filter((name) => !names.has(name))
    .map((name) => path.join(FOLDER, name + GOLDEN));
}

function namesOf(ending: string): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort();
}
