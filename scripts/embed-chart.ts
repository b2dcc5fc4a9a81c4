/**
 * `npm run embed` writes into charts/curfew/ what it repeats: a copy of manifests/, over which its
 * templates lay values, and the comments of values.yaml, as descriptions in values.schema.json and
 * as a list in README.md. `--check` writes nothing, and fails if something is stale.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { format } from "prettier";
import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from "yaml";

const root = path.join(import.meta.dirname, "..");
const chart = path.join(root, "charts/curfew");
/** What is only for kustomize, and the Namespace, which Helm makes. */
const NOT_COPIED = /(^|\/)kustomization\.yaml$|^base\/namespace\.yaml$/;

/** A value of the chart: its path, its comment as one line, and its default. */
export interface ChartValue {
  readonly path: readonly string[];
  readonly description: string;
  readonly fallback: unknown;
  /** Whether it's a map whose fields are values themselves. */
  readonly isSection: boolean;
}

/** The values of values.yaml in their order. A comment belongs to the key below it. */
export function readValues(text: string): readonly ChartValue[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error("values.yaml isn't a map");
  return valuesBelow(contents, []);
}

function valuesBelow(map: YAMLMap, parents: readonly string[]): readonly ChartValue[] {
  return map.items.flatMap((pair: Pair, index) => {
    if (!isScalar(pair.key)) throw new Error(`a key below ${parents.join(".")} isn't a word`);
    // The comment in front of a map's first key belongs to the map, as yaml reads it.
    const comment = pair.key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? "";
    const [last = ""] = comment.split(/\n\s*\n/).slice(-1);
    const here = [...parents, String(pair.key.value)];
    const isSection = isMap(pair.value) && pair.value.items.length > 0;
    const value = {
      path: here,
      description: last.trim().replaceAll(/\s*\n\s*/g, " "),
      fallback: isMap(pair.value) || pair.value === null ? {} : (pair.value as { toJSON(): unknown }).toJSON(),
      isSection,
    };
    return [value, ...(isSection ? valuesBelow(pair.value as YAMLMap, here) : [])];
  });
}

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  [field: string]: unknown;
}

/** A section whose values are a Pod's own fields, all of them optional. */
const MAY_BE_NULL = ["podSecurityContext"];

/**
 * The schema with each value's description. Sections are required: for one that's null, Helm would
 * show a template's stack instead of its name.
 */
export function describeSchema(schema: Schema, values: readonly ChartValue[]): Schema {
  const described = structuredClone(schema);
  for (const { path: names, description } of values) {
    let place: Schema | undefined = described;
    for (const name of names) place = place?.properties?.[name];
    if (place === undefined) throw new Error(`values.schema.json has no ${names.join(".")}, which values.yaml has`);
    place.description = description;
  }
  const sections = values.filter(({ path: names, isSection }) => names.length === 1 && isSection);
  described["required"] = sections.flatMap(({ path: names }) => names).filter((name) => !MAY_BE_NULL.includes(name));
  return described;
}

/** The list of values for the README, a heading for each section. */
export function listValues(values: readonly ChartValue[]): string {
  const lines: string[] = [];
  const top = values.filter(({ path: names, isSection }) => names.length === 1 && !isSection);
  const sections = values.filter(({ path: names, isSection }) => names.length === 1 && isSection);
  for (const section of sections) {
    const [name = ""] = section.path;
    lines.push(`### ${name}`, "", ...wrap(section.description, ""), "");
    const below = values.filter(({ path: names }) => names[0] === name && names.length > 1);
    lines.push(...below.filter(({ isSection }) => !isSection).flatMap(item), "");
  }
  return [...lines, "### Others", "", ...top.flatMap(item)].join("\n").trimEnd();
}

function item({ path: names, description, fallback }: ChartValue): readonly string[] {
  const shown = JSON.stringify(fallback);
  return wrap(`- \`${names.join(".")}\` (default \`${shown}\`): ${description}`, "  ");
}

/** Breaks a text into lines of at most 100 columns, and not within code. */
function wrap(text: string, indent: string): readonly string[] {
  const words = text.match(/(?:`[^`]*`|[^\s`])+/g) ?? [];
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= 100) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(lines.length === 0 ? word : indent + word);
  }
  return lines;
}

const BEGIN = "<!-- values: written by `npm run embed` -->";
const END = "<!-- end of values -->";

function withList(readme: string, list: string): string {
  const [before = "", rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`charts/curfew/README.md has no ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${list}\n\n${END}${after}`;
}

/** What each generated file of the chart must hold, by path. */
async function generate(): Promise<ReadonlyMap<string, string>> {
  const manifests = globSync("**/*.{yaml,json}", { cwd: path.join(root, "manifests") });
  const copies = manifests
    .filter((file) => !NOT_COPIED.test(file))
    .map((file) => [`manifests/${file}`, readFileSync(path.join(root, "manifests", file), "utf8")] as const);
  const smoke = readFileSync(path.join(root, "examples/smoke.yaml"), "utf8");
  const values = readValues(readFileSync(path.join(chart, "values.yaml"), "utf8"));
  const schema = JSON.parse(readFileSync(path.join(chart, "values.schema.json"), "utf8")) as Schema;
  const options = { printWidth: 120 };
  const described = await format(JSON.stringify(describeSchema(schema, values)), { ...options, parser: "json" });
  const readme = withList(readFileSync(path.join(chart, "README.md"), "utf8"), listValues(values));
  return new Map([
    ...copies,
    ["manifests/smoke.yaml", smoke],
    ["values.schema.json", described],
    ["README.md", await format(readme, { ...options, parser: "markdown" })],
  ]);
}

/** Generated files that aren't as they should be: what each must hold, or undefined to delete it. */
export async function staleFiles(): Promise<readonly (readonly [file: string, text: string | undefined])[]> {
  const generated = await generate();
  const surplus = globSync("manifests/**/*.*", { cwd: chart }).filter((file) => !generated.has(file));
  const read = (file: string): string | undefined =>
    existsSync(path.join(chart, file)) ? readFileSync(path.join(chart, file), "utf8") : undefined;
  return [
    ...surplus.map((file) => [file, undefined] as const),
    ...[...generated].filter(([file, text]) => read(file) !== text),
  ];
}

if (import.meta.main) {
  for (const [file, text] of await staleFiles()) {
    const place = path.join(chart, file);
    if (process.argv.includes("--check")) {
      console.error(`charts/curfew/${file} is stale: run \`npm run embed\` and commit it.`);
      process.exitCode = 1;
    } else if (text === undefined) {
      rmSync(place);
    } else {
      mkdirSync(path.dirname(place), { recursive: true });
      writeFileSync(place, text);
    }
  }
}
