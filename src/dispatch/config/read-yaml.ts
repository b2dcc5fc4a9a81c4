/** YAML text into values, as kubectl reads it, with problems in plain words. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from "yaml";
import { KUBERNETES_YAML } from "../../process/kubernetes-yaml.ts";

export interface ReadYaml {
  /** Each starts with its line and column. They never quote the text, which may hold a secret. */
  readonly problems: readonly string[];
  /** Undefined if the text can't be read. Keys that are there twice leave it readable. */
  readonly value?: unknown;
}

/** Reads one document. Empty text is null. */
export function readYaml(text: string): ReadYaml {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { ...KUBERNETES_YAML, lineCounter, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const errors = [...document.errors, ...document.warnings];
  const problems = errors.map(({ code, message, pos }) => {
    if (code !== "DUPLICATE_KEY") return `${at(pos[0])}: ${WORDS[code] ?? `isn't valid YAML: ${message}`}`;
    const key = /^\w+/.exec(text.slice(pos[0]))?.[0] ?? "a key";
    return `${at(pos[0])}: ${key} is set a second time`;
  });
  if (errors.some(({ code }) => code !== "DUPLICATE_KEY")) return { problems };
  const broken = brokenReferences(document).map(({ offset, message }) => `${at(offset)}: ${message}`);
  if (broken.length > 0) return { problems: [...problems, ...broken] };
  try {
    return { problems, value: document.toJS() as unknown };
  } catch {
    return { problems: [...problems, "the file: has far too many aliases, or one within its own anchor"] };
  }
}

const WORDS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "is indented with a tab: use spaces",
  MULTIPLE_DOCS: "a second document starts here: there can be only one",
  TAG_RESOLVE_FAILED: "has an unknown tag (`!…`)",
};

/** Aliases without an anchor, and merge keys (`<<`) with something that can't be merged. */
function brokenReferences(document: Document): { readonly offset: number; readonly message: string }[] {
  const found: { offset: number; message: string }[] = [];
  const resolved = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const add = (node: unknown, message: string): void => {
    found.push({ offset: (node as Node).range?.[0] ?? 0, message });
  };
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined)
        add(alias, `*${alias.source} has no anchor &${alias.source} before it`);
    },
    Pair(_, { key, value }) {
      if (!isScalar(key) || typeof key.value !== "symbol") return;
      const source = resolved(value);
      const sources = isSeq(source) ? source.items.map(resolved) : [source];
      const isMissing = (one: unknown): boolean => one === undefined;
      if (!sources.every((one) => isMap(one) || isMissing(one))) add(key, "`<<` can merge only mappings");
    },
  });
  return found;
}
