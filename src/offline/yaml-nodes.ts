/** Finds the nodes of a parsed YAML document in its text. */
import { isCollection, isMap, isScalar, isSeq, visit } from "yaml";
import type { Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import { columnOf, endOfLine, isIndent, lineStart } from "./yaml-text.ts";

/**
 * A map or sequence in block style, which can be edited line by line. Not one with an anchor, which
 * can also stand for others.
 */
export type Block = YAMLMap<Node, Node | null> | YAMLSeq<Node | null>;

/** Whether a node can be edited line by line: it's in block style, has items, and no anchor. */
export function isBlock(node: unknown): node is Block {
  return isCollection(node) && node.flow !== true && node.anchor === undefined && node.items.length > 0;
}

/**
 * The offset of the node's first character.
 * @throws if the node wasn't parsed from text
 */
export function startOf(node: Node): number {
  if (isMap(node) && node.items[0]) return startOf(node.items[0].key as Node);
  if (!node.range) throw new Error("a parsed YAML node has a range");
  return node.range[0];
}

/** The end of the node's own text. After it come blanks, a comment, the next line. */
export function endOf(node: Node | Pair | null | undefined): number {
  if (node && "key" in node) return Math.max(endOf(node.key as Node), endOf(node.value as Node | null));
  if (isCollection(node) && !node.flow) return endOf(node.items.at(-1) as Node | Pair);
  return node?.range?.[1] ?? 0;
}

/**
 * The offset of the dash of a block sequence's item.
 * @throws if there's no such item, or the sequence isn't in block style
 */
export function dashOf(sequence: YAMLSeq, index: number): number {
  const token = sequence.srcToken;
  const dash = token && "items" in token && token.items[index]?.start.find(({ type }) => type === "seq-item-ind");
  if (!dash) throw new Error("a parsed block sequence knows its dashes");
  return dash.offset;
}

/** Whether sequences in maps are indented, judging by the first one. Both forms are common. */
export function indentsSequences(text: string, root: unknown): boolean {
  const columns: number[] = [];
  visit(root as Node, {
    Pair(_, pair) {
      if (!isSeq(pair.value) || !isBlock(pair.value)) return undefined;
      columns.push(columnOf(text, startOf(pair.value)) - columnOf(text, startOf(pair.key as Node)));
      return visit.BREAK;
    },
  });
  return columns[0] !== 0;
}

/** Where to insert a new key: at the end of its map, but `command` and `args` stay together. */
export function placeFor(text: string, map: YAMLMap<Node, Node | null>, key: string): number {
  const sibling = (name: string) => map.items.find((pair) => isScalar(pair.key) && pair.key.value === name);
  const args = key === "command" ? sibling("args") : undefined;
  if (args && isIndent(text, startOf(args.key))) return lineStart(text, startOf(args.key));
  return endOfLine(text, endOf(key === "args" ? (sibling("command") ?? map) : map));
}
