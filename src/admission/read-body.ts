import type { IncomingMessage } from "node:http";

const MIB = 1024 * 1024;

/** 7 MiB: an object is 3 MiB at most in a request to the API server, an update's review holds two, and 1 MiB is for the envelope. */
export const MAX_BODY_BYTES = 7 * MIB;

/** What all bodies together may hold while they arrive, but for small ones, which always may: any Pod can start a hundred big ones. */
const MAX_BUFFERED_BYTES = 64 * MIB;
const SMALL_BODY_BYTES = 64 * 1024;

export type ReadBody =
  | { readonly kind: "body"; readonly body: Buffer }
  | { readonly kind: "too-large" }
  /** Too much is arriving at once. */
  | { readonly kind: "busy" }
  /** The client went away; nobody is left to answer. */
  | { readonly kind: "aborted" };

/** Reads a request's body and calls back exactly once. A callback, not a promise: this is the hot path. */
export type BodyReader = (request: IncomingMessage, done: (result: ReadBody) => void) => void;

/**
 * A reader whose requests share one budget. What is beyond a limit is discarded as it comes, so that a client that only reads after it
 * has written everything hears why.
 */
export function createBodyReader(): BodyReader {
  let buffered = 0;
  return (request, done) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let finished = false;
    const finish = (result: ReadBody): void => {
      finished = true;
      buffered -= length;
      done(result);
    };
    request.on("data", (chunk: Buffer) => {
      if (finished) return;
      chunks.push(chunk);
      length += chunk.length;
      buffered += chunk.length;
      if (length > MAX_BODY_BYTES) finish({ kind: "too-large" });
      else if (buffered > MAX_BUFFERED_BYTES && length > SMALL_BODY_BYTES) finish({ kind: "busy" });
    });
    request.on("end", () => {
      if (!finished) finish({ kind: "body", body: join(chunks, length) });
    });
    request.on("close", () => {
      if (!finished) finish({ kind: "aborted" });
    });
  };
}

/** Most reviews come in one piece. */
function join(chunks: readonly Buffer[], length: number): Buffer {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, length);
}
