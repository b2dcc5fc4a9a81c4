/** Archives whose bytes depend on nothing but what's in them. */
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

export interface ArchivedFile {
  /** With `/`, relative to where the archive is unpacked. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

/** gzip's header (RFC 1952) says in this byte which system wrote the file. 255: unknown. */
const GZIP_OS = 9;

/**
 * A `.tgz` of `files`, by path and byte for byte the same whenever and wherever it's made, as long as
 * the same Node compresses it: all files are root's and from `seconds` after 1970.
 */
export async function archive(files: readonly ArchivedFile[], seconds: number): Promise<Buffer> {
  const tar = pack();
  for (const { path, content, executable = false } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
    tar.entry({ name: path, mode: executable ? 0o755 : 0o644, mtime: new Date(seconds * 1000) }, Buffer.from(content));
  tar.finalize();
  const gzipped = gzipSync(await buffer(tar), { level: 9 });
  gzipped[GZIP_OS] = 255;
  return gzipped;
}
