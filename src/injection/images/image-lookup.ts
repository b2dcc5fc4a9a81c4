/**
 * Finds the known image for an image reference (distribution/reference:
 * [HOST/]REPOSITORY[:TAG][@DIGEST]).
 */
import { equal } from "../equal.ts";
import { KNOWN_IMAGES, type KnownImage } from "./known-images.ts";

/** The row for an image reference. Undefined: there's none. */
export type ImageLookup = (image: string) => KnownImage | undefined;

const lookups = new WeakMap<readonly KnownImage[], ImageLookup>();
const noRows: readonly KnownImage[] = [];

const MAX_REMEMBERED = 1_000;
const MAX_REMEMBERED_LENGTH = 256;

/**
 * A look-up with the operator's rows before the built-in ones. Each list is compiled only once, as
 * every review uses it.
 */
export function imageLookup(operatorRows: readonly KnownImage[] = noRows): ImageLookup {
  let lookUp = lookups.get(operatorRows);
  if (!lookUp) lookups.set(operatorRows, (lookUp = compileAll(operatorRows)));
  return lookUp;
}

function compileAll(operatorRows: readonly KnownImage[]): ImageLookup {
  const rows = [...operatorRows, ...KNOWN_IMAGES].map(compile);
  // Most rows are for one name. So an image is compared only with the rows for its name, and the
  // few for any name.
  const forAny = rows.filter(({ lastName }) => lastName.includes("*"));
  const forName = new Map(
    rows.map(({ lastName }) => [lastName, rows.filter((row) => row.lastName === lastName || forAny.includes(row))]),
  );
  return remember((image) => {
    const [name = "", digest] = image.split("@", 2);
    const reference = split(name);
    const tag = reference.tag ?? (digest === undefined ? "latest" : undefined);
    const candidates: CompiledRow[] = [];
    for (const row of forName.get(reference.written.at(-1) ?? "") ?? forAny) {
      if (!row.matchesRepository(reference)) continue;
      if (tag !== undefined) {
        if (row.matchesTag?.(tag) ?? true) return row.known;
        continue;
      }
      candidates.push(row);
      if (!row.matchesTag) return candidates.map(({ known }) => known).reduce(common);
    }
    return undefined;
  });
}

/**
 * Caches results, as a cluster's Jobs name the same images over and over. It's bounded in number
 * and length, as anybody can name others.
 */
function remember(lookUp: ImageLookup): ImageLookup {
  const found = new Map<string, KnownImage | undefined>();
  return (image) => {
    const row = found.get(image);
    if (row !== undefined || found.has(image)) return row;
    const looked = lookUp(image);
    if (image.length > MAX_REMEMBERED_LENGTH) return looked;
    if (found.size >= MAX_REMEMBERED) found.clear();
    found.set(image, looked);
    return looked;
  };
}

/** What both rows agree on. */
function common(one: KnownImage, other: KnownImage): KnownImage {
  return {
    image: other.image,
    entrypoint: equal(one.entrypoint, other.entrypoint) ? one.entrypoint : undefined,
    cmd: equal(one.cmd, other.cmd) ? one.cmd : undefined,
    shell: one.shell === other.shell ? one.shell : undefined,
    role: one.role === other.role ? one.role : undefined,
    daemon: one.daemon ?? other.daemon,
    startsAlone: one.startsAlone === other.startsAlone ? one.startsAlone : undefined,
  };
}

interface Reference {
  /** The repository as it's written, with a registry's host if it has one. */
  readonly written: readonly string[];
  /**
   * The repository without the host. If it has only one component, it's in `library`, as on Docker
   * Hub.
   */
  readonly components: readonly string[];
  /** Undefined: there's none. */
  readonly tag: string | undefined;
}

/**
 * The tag follows the last colon, unless a slash comes after that: then the colon is before a
 * registry's port.
 */
function split(name: string): Reference {
  const colon = name.lastIndexOf(":");
  const hasTag = colon > name.lastIndexOf("/");
  const written = (hasTag ? name.slice(0, colon) : name).split("/");
  const hasHost = written.length > 1 && /[.:]|^localhost$/.test(written[0] ?? "");
  const components = hasHost ? written.slice(1) : written;
  return {
    written,
    components: components.length === 1 ? ["library", ...components] : components,
    tag: hasTag ? name.slice(colon + 1) : undefined,
  };
}

interface CompiledRow {
  readonly known: KnownImage;
  /** The repository's last component, perhaps with a `*`. */
  readonly lastName: string;
  readonly matchesRepository: (reference: Reference) => boolean;
  /** Undefined: any tag. */
  readonly matchesTag: ((tag: string) => boolean) | undefined;
}

function compile(known: KnownImage): CompiledRow {
  const { written, tag } = split(known.image);
  const globs = written.map(glob);
  const matchesEnd = (actual: readonly string[]): boolean => {
    const skipped = actual.length - globs.length;
    return skipped >= 0 && globs.every((matches, index) => matches(actual[skipped + index] ?? ""));
  };
  return {
    known,
    lastName: written.at(-1) ?? "",
    matchesRepository: (reference) => matchesEnd(reference.components) || matchesEnd(reference.written),
    matchesTag: tag === undefined ? undefined : glob(tag),
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
