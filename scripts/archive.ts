/** Archives whose bytes depend on nothing but what's in them. */
import { gzipSync } from "node:zlib";

export interface ArchivedFile {
  /** With `/`, relative to where the archive is unpacked. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

/** tar counts in blocks of so many bytes. */
const BLOCK = 512;
/** gzip's header (RFC 1952) says in this byte which system wrote the file. 255: unknown. */
const GZIP_OS = 9;

/**
 * A `.tgz` of `files`, by path and byte for byte the same whenever and wherever it's made, as long as
 * the same Node compresses it: all files are root's and from `seconds` after 1970.
 * @throws if a path is longer than POSIX's ustar format has room for
 */
export function archive(files: readonly ArchivedFile[], seconds: number): Buffer {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const blocks = sorted.flatMap((file) => [header(file, seconds), file.content, padding(file.content.length)]);
  const gzipped = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]), { level: 9 });
  gzipped[GZIP_OS] = 255;
  return gzipped;
}

const padding = (length: number): Buffer => Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);

/** See POSIX, pax: ustar interchange format. */
function header({ path, content, executable = false }: ArchivedFile, seconds: number): Buffer {
  const { prefix, name } = splitPath(path);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset);
  };
  block.write(name, 0);
  octal(executable ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8); // user
  octal(0, 116, 8); // group
  octal(content.length, 124, 12);
  octal(seconds, 136, 12);
  block.write(" ".repeat(8), 148); // the checksum counts as spaces in itself
  block.write("0", 156); // a file
  block.write("ustar\x0000", 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** ustar has 100 bytes for the end of a path, and 155 for the folders before it. */
function splitPath(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= 100) return { prefix: "", name: path };
  for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { prefix, name };
  }
  throw new Error(`${path} is too long for a tar archive`);
}
