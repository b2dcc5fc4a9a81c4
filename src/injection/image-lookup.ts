/** Finds the row of known images for an image reference (distribution/reference: [HOST/]REPOSITORY[:TAG][@DIGEST]). */
import { equal } from "./equal.ts";
import { KNOWN_IMAGES, type KnownImage } from "./known-images.ts";

/** The row for an image reference, if there is one. */
export type ImageLookup = (image: string) => KnownImage | undefined;

const lookups = new WeakMap<readonly KnownImage[], ImageLookup>();
const noRows: readonly KnownImage[] = [];

/** The look-up with the operator's rows before the built-in ones; compiled once for a list, as it serves each review. */
export function imageLookup(operatorRows: readonly KnownImage[] = noRows): ImageLookup {
  let lookUp = lookups.get(operatorRows);
  if (!lookUp) lookups.set(operatorRows, (lookUp = compileAll(operatorRows)));
  return lookUp;
}

function compileAll(operatorRows: readonly KnownImage[]): ImageLookup {
  const compiled = [...operatorRows, ...KNOWN_IMAGES].map(compile);
  return (image) => {
    const reference = split(image);
    const candidates: CompiledRow[] = [];
    for (const row of compiled) {
      if (!row.matchesRepository(reference.components)) continue;
      if (reference.tag !== undefined) {
        if (row.matchesTag?.(reference.tag) ?? true) return row.known;
        continue;
      }
      candidates.push(row);
      if (!row.matchesTag) return candidates.map(({ known }) => known).reduce(common);
    }
    return undefined;
  };
}

/** What both rows say. */
function common(one: KnownImage, other: KnownImage): KnownImage {
  return {
    image: other.image,
    entrypoint: equal(one.entrypoint, other.entrypoint) ? one.entrypoint : undefined,
    cmd: equal(one.cmd, other.cmd) ? one.cmd : undefined,
    shell: one.shell === other.shell ? one.shell : undefined,
    role: one.role === other.role ? one.role : undefined,
  };
}

interface Reference {
  readonly components: readonly string[];
  /** Undefined where only a digest is given. */
  readonly tag: string | undefined;
}

function split(image: string): Reference {
  const at = image.indexOf("@");
  const named = at < 0 ? image : image.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const components = (hasTag ? named.slice(0, colon) : named).split("/");
  if (components.length > 1 && /[.:]|^localhost$/.test(components[0] ?? "")) components.shift();
  if (components.length === 1) components.unshift("library");
  return {
    components,
    tag: hasTag ? named.slice(colon + 1) : at < 0 ? "latest" : undefined,
  };
}

interface CompiledRow {
  readonly known: KnownImage;
  readonly matchesRepository: (components: readonly string[]) => boolean;
  /** Undefined: any tag. */
  readonly matchesTag: ((tag: string) => boolean) | undefined;
}

function compile(known: KnownImage): CompiledRow {
  const colon = known.image.indexOf(":");
  const components = (colon < 0 ? known.image : known.image.slice(0, colon)).split("/").map(glob);
  return {
    known,
    matchesRepository: (actual) => {
      const skipped = actual.length - components.length;
      return skipped >= 0 && components.every((matches, index) => matches(actual[skipped + index] ?? ""));
    },
    matchesTag: colon < 0 ? undefined : glob(known.image.slice(colon + 1)),
  };
}

function glob(pattern: string): (text: string) => boolean {
  if (!pattern.includes("*")) return (text) => text === pattern;
  const [head = "", ...rest] = pattern.split("*");
  const tail = rest.pop() ?? "";
  return (text) => {
    if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
    let at = head.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= text.length - tail.length;
  };
}
