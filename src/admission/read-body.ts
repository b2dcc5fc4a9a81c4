import type { IncomingMessage } from "node:http";

/** 7 MiB: an object is 3 MiB at most in a request to the API server, an update's review holds two, and 1 MiB is for the envelope. */
export const MAX_BODY_BYTES = 7 * 1024 * 1024;

export type ReadBody =
  | { readonly kind: "body"; readonly body: Buffer }
  | { readonly kind: "too-large" }
  /** The client went away; nobody is left to answer. */
  | { readonly kind: "aborted" };

/**
 * Reads a request's body and calls back exactly once. What is beyond the limit is discarded as it comes, so that a client that only
 * reads after it has written everything hears why. A callback, not a promise: this is the hot path.
 */
export function readBody(request: IncomingMessage, done: (result: ReadBody) => void): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let length = 0;
  let finished = false;
  const finish = (result: ReadBody): void => {
    if (finished) return;
    finished = true;
    done(result);
  };
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) {
      first = more = undefined;
      finish({ kind: "too-large" });
    } else if (first === undefined) first = chunk;
    else (more ??= [first]).push(chunk);
  });
  request.on("end", () => {
    finish({ kind: "body", body: more ? Buffer.concat(more, length) : (first ?? Buffer.alloc(0)) });
  });
  request.on("close", () => {
    finish({ kind: "aborted" });
  });
}
