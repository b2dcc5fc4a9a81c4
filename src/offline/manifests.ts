/**
 * Manifests as text and as values. A file is a sequence of documents, and of the text between them.
 */
import { LineCounter, parseAllDocuments, type Document } from "yaml";
import { KUBERNETES_YAML } from "../process/kubernetes-yaml.ts";

export interface Manifest {
  readonly file: string;
  /** Counted from 1 within its file. Empty documents count, too, as a person would count. */
  readonly number: number;
  readonly format: "yaml" | "json";
  /** The document as it is in the file, with its `---` if it has one. */
  readonly text: string;
  readonly value: unknown;
}

export interface ManifestFile {
  readonly name: string;
  readonly format: "yaml" | "json";
  /**
   * The file's documents in their order, and as strings the text between them. Joined, they're the
   * file.
   */
  readonly pieces: readonly (Manifest | string)[];
}

export type ParsedFile =
  | { readonly kind: "parsed"; readonly file: ManifestFile }
  | { readonly kind: "malformed"; readonly problems: readonly string[] };

/** Windows' editors put it before UTF-8, though it means nothing there. */
export const BYTE_ORDER_MARK = "\uFEFF";

/**
 * Splits and parses the text of a file. Messages call the file `name`. Text counts as JSON if it
 * starts with a brace and parses as JSON. Never throws for what's in the text: see `problems`.
 */
export function parseManifests(name: string, text: string): ParsedFile {
  if (!text.startsWith(BYTE_ORDER_MARK)) return parseJson(name, text) ?? parseYaml(name, text);
  const parsed = parseManifests(name, text.slice(1));
  if (parsed.kind === "malformed") return parsed;
  return { kind: "parsed", file: { ...parsed.file, pieces: [BYTE_ORDER_MARK, ...parsed.file.pieces] } };
}

/** A file's documents without the text between them. */
export function manifestsOf(file: ManifestFile): Manifest[] {
  return file.pieces.filter((piece) => typeof piece !== "string");
}

function parseJson(name: string, text: string): ParsedFile | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const manifest: Manifest = { file: name, number: 1, format: "json", text, value: JSON.parse(text) };
    return { kind: "parsed", file: { name, format: "json", pieces: [manifest] } };
  } catch {
    return undefined; // YAML's flow style starts with a brace, too, and its parser gives an error's line and column
  }
}

function parseYaml(name: string, text: string): ParsedFile {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { ...KUBERNETES_YAML, lineCounter, prettyErrors: false });
  const pieces: (Manifest | string)[] = [];
  const problems: string[] = [];
  let end = 0;
  for (const [index, document] of documents.entries()) {
    for (const { pos, message } of document.errors) {
      const { line, col } = lineCounter.linePos(pos[0]);
      problems.push(`${name}:${line}:${col}: ${message}`);
    }
    if (problems.length > 0) continue;
    const [start, , nodeEnd] = document.range;
    if (start > end) pieces.push(text.slice(end, start));
    const value = valueOf(document);
    if (value instanceof Error) {
      problems.push(`${name}, document ${index + 1}: ${value.message}`);
      continue;
    }
    pieces.push({ file: name, number: index + 1, format: "yaml", text: text.slice(start, nodeEnd), value });
    end = nodeEnd;
  }
  if (problems.length > 0) return { kind: "malformed", problems };
  if (end < text.length) pieces.push(text.slice(end));
  return { kind: "parsed", file: { name, format: "yaml", pieces } };
}

/** An error if an alias has no anchor, or if aliases of aliases would grow without bound. */
function valueOf(document: Document): unknown {
  try {
    return document.toJS() as unknown;
  } catch (error) {
    if (error instanceof ReferenceError) return error;
    throw error;
  }
}
