/**
 * Applies a JSON Patch to the text of a YAML document. What the patch doesn't touch stays as it is,
 * byte for byte: comments, quotes, order, indentation. That's why it's written by hand: the yaml
 * package's documents keep comments, but it rewrites each as a whole, with other quotes and
 * indentation (docs/decisions/0016-kept-by-hand.md). The result is parsed again and compared with
 * what the patch means. If it differs, for example after an edit through an anchor, the whole
 * document is rewritten.
 */
import { isDeepStrictEqual } from "node:util";
import jsonpatch from "fast-json-patch";
import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Node, YAMLMap, YAMLSeq } from "yaml";
import type { PatchOperation } from "../injection/plan.ts";
import { dashOf, endOf, indentsSequences, isBlock, placeFor, startOf, type Block } from "./yaml-nodes.ts";
import {
  columnOf,
  cutLines,
  endOfLine,
  insertLines,
  isIndent,
  lineEndOf,
  lineStart,
  replace,
  startWithComments,
} from "./yaml-text.ts";
import { KUBERNETES_YAML } from "../process/kubernetes-yaml.ts";
import { renderYaml } from "./render-yaml.ts";

export interface EditedYaml {
  readonly text: string;
  /** False: the document was rewritten as a whole, and its comments are gone. */
  readonly inPlace: boolean;
}

/**
 * Applies `patch` to `text`, which is a single YAML document, with its `---` if it has one.
 * @throws if the patch doesn't fit the document
 */
export function editYaml(text: string, patch: readonly PatchOperation[]): EditedYaml {
  const intended = applyPatch(parseDocument(text, KUBERNETES_YAML).toJS(), patch);
  const edited = editInPlace(text, patch);
  if (edited !== undefined && isDeepStrictEqual(edited.value, intended)) return { text: edited.text, inPlace: true };
  const start = text.startsWith("---") ? "---\n" : "";
  return { text: (start + renderYaml(intended)).replaceAll("\n", lineEndOf(text)), inPlace: false };
}

/**
 * Undefined: some step broke the document, for example by removing an anchor that's used elsewhere.
 */
function editInPlace(text: string, patch: readonly PatchOperation[]): { text: string; value: unknown } | undefined {
  try {
    const edited = patch.reduce(applyOperation, text);
    const document = parseDocument(edited, KUBERNETES_YAML);
    return document.errors.length === 0 ? { text: edited, value: document.toJS() } : undefined;
  } catch {
    return undefined; // the patch itself is sound, or `intended` would have thrown
  }
}

/**
 * A patched copy of `value`.
 * @throws if the patch isn't valid RFC 6902, or doesn't fit
 */
export function applyPatch(value: unknown, patch: readonly PatchOperation[]): unknown {
  return jsonpatch.applyPatch(value, structuredClone(patch) as jsonpatch.Operation[], true, false).newDocument;
}

/**
 * `move` and `copy` keep an item's lines as they are: a placeholder goes to the new place, and the
 * lines replace it.
 */
function applyOperation(text: string, operation: PatchOperation): string {
  if (operation.op === "add" || operation.op === "remove") return applyToText(text, operation);
  const { from, path } = operation;
  const document = parseDocument(text, KUBERNETES_YAML);
  const lines = linesOfItem(text, document.contents, segmentsOf(from));
  const value: unknown = jsonpatch.getValueByPointer(document.toJS(), from);
  const rest = operation.op === "move" ? applyToText(text, { op: "remove", path: from }) : text;
  const placeholder = "lines-that-are-carried-over";
  if (lines === undefined || text.includes(placeholder)) return applyToText(rest, { op: "add", path, value });
  return applyToText(rest, { op: "add", path, value: { [placeholder]: null } }).replace(
    new RegExp(`^( *)- ${placeholder}: null\\r?\\n`, "m"),
    (_, indent: string) => lines.replaceAll(/^(?=.)/gm, indent),
  );
}

/**
 * An item of a block sequence as it's written, with the comments above it, without the indentation.
 */
function linesOfItem(text: string, root: unknown, path: readonly string[]): string | undefined {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((node, key) => (isBlock(node) ? node.get(childKey(node, key), true) : undefined), root);
  const index = Number(path.at(-1));
  if (!isSeq(parent) || !isBlock(parent) || !parent.items[index]) return undefined;
  const dash = dashOf(parent, index);
  const end = endOfLine(text, endOf(parent.items[index]));
  if (!isIndent(text, dash)) return undefined;
  return text
    .slice(startWithComments(text, dash), end)
    .replaceAll(new RegExp(`^ {0,${columnOf(text, dash)}}`, "gm"), "");
}

const childKey = (node: Block, key: string): string | number => (isSeq(node) ? Number(key) : key);

/** One operation, and the text that it changes. */
interface Edit {
  readonly text: string;
  readonly op: "add" | "remove";
  /** How the document indents its sequences. */
  readonly indentSequences: boolean;
}

/**
 * Applies one operation in place if possible. Otherwise it rewrites the smallest value around it.
 */
function applyToText(text: string, operation: Extract<PatchOperation, { op: "add" | "remove" }>): string {
  const document = parseDocument(text, KUBERNETES_YAML);
  const patched = applyPatch(document.toJS(), [operation]);
  const root = document.contents;
  if (!isBlock(root)) return text;
  const edit = { text, op: operation.op, indentSequences: indentsSequences(text, root) };
  return editBlock(edit, root, segmentsOf(operation.path), patched) ?? text;
}

/**
 * `value` is what the block means after the edit. Undefined: the caller must rewrite what holds the
 * block.
 */
function editBlock(edit: Edit, block: Block, path: readonly string[], value: unknown): string | undefined {
  return isMap(block) ? editMap(edit, block, path, value) : editSequence(edit, block, path, value);
}

function editMap(
  edit: Edit,
  map: YAMLMap<Node, Node | null>,
  [key = "", ...rest]: readonly string[],
  value: unknown,
): string | undefined {
  const { text, op } = edit;
  const child = (value as Record<string, unknown>)[key];
  const lines = () => render(edit, { [key]: child }, columnOf(text, startOf(map)));
  const pair = map.items.find((each) => isScalar(each.key) && String(each.key.value) === key);
  if (!pair) return insertLines(text, placeFor(text, map, key), lines());
  const start = startOf(pair.key);
  if (rest.length > 0) {
    const inside = isBlock(pair.value) ? editBlock(edit, pair.value, rest, child) : undefined;
    if (inside !== undefined) return inside;
  } else if (op === "remove") {
    return map.items.length > 1 && isIndent(text, start) ? cutLines(text, start, endOf(pair)) : undefined;
  }
  return replace(text, start, endOf(pair), lines().trimStart());
}

function editSequence(
  edit: Edit,
  sequence: YAMLSeq<Node | null>,
  [segment = "", ...rest]: readonly string[],
  value: unknown,
): string | undefined {
  const { text, op } = edit;
  const index = segment === "-" ? sequence.items.length : Number(segment);
  const child = segment === "-" ? (value as unknown[]).at(-1) : (value as unknown[])[index];
  const lines = () => render(edit, [child], columnOf(text, startOf(sequence)));
  const item = sequence.items[index];
  if (item === undefined) return insertLines(text, endOfLine(text, endOf(sequence)), lines());
  const dash = dashOf(sequence, index);
  if (rest.length > 0) {
    const inside = isBlock(item) ? editBlock(edit, item, rest, child) : undefined;
    if (inside !== undefined) return inside;
    return replace(text, dash, endOf(item), lines().trimStart());
  }
  if (op === "add") return isIndent(text, dash) ? insertLines(text, lineStart(text, dash), lines()) : undefined;
  return sequence.items.length > 1 && isIndent(text, dash)
    ? cutLines(text, startWithComments(text, dash), endOf(item))
    : undefined;
}

function render({ indentSequences }: Edit, value: unknown, column: number): string {
  return renderYaml(value, indentSequences).replaceAll(/^(?=.)/gm, " ".repeat(column));
}

function segmentsOf(pointer: string): string[] {
  const segments = pointer.split("/").slice(1);
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}
