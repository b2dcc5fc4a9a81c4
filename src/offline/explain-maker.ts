/** What `curfew explain` says about objects of other kinds, whose controllers make Pods or Jobs. */
import { styleText } from "node:util";
import { ENABLED_KEY } from "../injection/names.ts";
import { valueAt, type ObjectName } from "./find-objects.ts";
import { named, showPath, type Path } from "./made-template.ts";
import type { Manifest } from "./manifests.ts";
import { makersLookAlikes } from "./opt-in-look-alikes.ts";
import { renderYaml } from "./render-yaml.ts";
import { fold, joinBlocks } from "./text-layout.ts";
import type { PodMaker } from "./pod-makers.ts";
import type { Unsuited } from "./unsuited.ts";

export interface MakerExplanation extends ObjectName {
  readonly file: string;
  readonly document: number;
  readonly apiVersion: unknown;
  readonly kind: string;
  /** For people: who makes what, or why it isn't for Curfew. */
  readonly message: string;
  /** Where the label goes, and whether it's there. Empty if it isn't for Curfew. */
  readonly labels: readonly { readonly path: string; readonly labelled: boolean }[];
  readonly warnings: readonly string[];
}

/** Explains where the label goes; its templates are explained one by one. */
export function explainMaker(maker: PodMaker, manifest: Manifest): MakerExplanation {
  const labels = maker.labels.map((path) => ({ path: showPath(path), labelled: isLabelled(maker, path) }));
  const warnings = makersLookAlikes(maker).map(({ message }) => message);
  return { ...headOf(maker, manifest), message: maker.about, labels, warnings };
}

/** Explains an object that's labelled, but isn't for Curfew. */
export function explainUnsuited(object: Unsuited, manifest: Manifest): MakerExplanation {
  return { ...headOf(object, manifest), message: object.message, labels: [], warnings: [] };
}

type Head = ObjectName & Pick<MakerExplanation, "kind" | "apiVersion">;

function headOf({ apiVersion, kind, namespace, name }: Head, { file, number }: Manifest) {
  return { file, document: number, apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name };
}

function isLabelled({ object }: PodMaker, path: Path): boolean {
  return valueAt(object, ...path, ENABLED_KEY) === "true";
}

interface Layout {
  /** The object's kind for people. */
  readonly noun: string;
  /** YAML to paste, empty if there's nothing left to paste. */
  readonly snippet: string;
  /** The terminal's, in columns. */
  readonly width: number;
}

/** Lays it out as lines of text, the last one with a line end. */
export function makerText(explanation: MakerExplanation, { noun, snippet, width }: Layout): string {
  const { namespace, name, file, document, message, labels, warnings } = explanation;
  const title = styleText("bold", `${noun} ${namespace ? `${namespace}/` : ""}${name}`);
  const there = labels.filter(({ labelled }) => labelled).map(({ path }) => path);
  const head = [
    `${title}  ${styleText("dim", `${file}, document ${document}`)}`,
    ...fold(message, width),
    ...(there.length > 0 ? fold(`The label is in ${there.join(" and ")}.`, width) : []),
    ...(snippet === "" ? [] : fold(there.length > 0 ? "To opt in the others:" : "To opt them in:", width)),
  ];
  const lines = snippet === "" ? [] : snippet.trimEnd().split("\n");
  const blocks = [
    head,
    lines.map((line) => `    ${line}`),
    warnings.flatMap((warning) => fold(`${styleText("yellow", "warning:")} ${warning}`, width)),
  ];
  return joinBlocks(blocks);
}

/** The labels that are missing, as YAML to paste. Items of lists have their names, if they have any. */
export function missingLabels(maker: PodMaker): string {
  const missing = maker.labels.filter((path) => !isLabelled(maker, path));
  const tree = missing.reduce<unknown>((whole, path) => withLabel(whole, path, maker.object), undefined);
  return tree === undefined ? "" : renderYaml(tree);
}

function withLabel(whole: unknown, [key, ...rest]: Path, object: unknown): unknown {
  if (key === undefined) return { [ENABLED_KEY]: "true" };
  const inner = valueAt(object, key);
  const child = (value: unknown) => withLabel(value ?? (typeof key === "number" ? named(inner) : {}), rest, inner);
  if (typeof key === "string") return { ...(whole as object), [key]: child(valueAt(whole, key)) };
  return [...(Array.isArray(whole) ? (whole as unknown[]) : []), child(undefined)];
}
