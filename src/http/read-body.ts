import type { IncomingMessage } from "node:http";

export interface BodyLimits {
  /** The most bytes that one body can have. */
  readonly maxBytes: number;
  /**
   * The most bytes that all bodies together can hold while they arrive, as it's easy to begin many
   * big ones. Beyond that, only bodies of up to `smallBytes` are read.
   */
  readonly maxBufferedBytes: number;
  readonly smallBytes: number;
}

export type ReadBody =
  | { readonly kind: "body"; readonly body: Buffer }
  | { readonly kind: "too-large" }
  /** Too much is arriving at once. */
  | { readonly kind: "busy" }
  /** The client went away; nobody is left to answer. */
  | { readonly kind: "aborted" };

/** Whether a Content-Type says JSON, whatever its parameters. */
export function isJson(contentType: string | undefined): boolean {
  return JSON_TYPE.test(contentType ?? "");
}

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;

/**
 * Reads a request's body and calls back exactly once. A callback, not a promise: this is the hot
 * path.
 */
export type BodyReader = (request: IncomingMessage, done: (result: ReadBody) => void) => void;

/**
 * Makes a reader whose requests share one budget. Bytes beyond a limit are read and dropped, so
 * that a client that reads only after it has written everything still gets the answer.
 */
export function createBodyReader({ maxBytes, maxBufferedBytes, smallBytes }: BodyLimits): BodyReader {
  let buffered = 0;
  return (request, done) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let finished = false;
    const finish = (result: ReadBody): void => {
      finished = true;
      buffered -= length;
      // The listeners keep the chunks as long as the request exists. That can be long after anybody
      // needs its body.
      chunks.length = 0;
      done(result);
    };
    request.on("data", (chunk: Buffer) => {
      if (finished) return;
      chunks.push(chunk);
      length += chunk.length;
      buffered += chunk.length;
      if (length > maxBytes) finish({ kind: "too-large" });
      else if (buffered > maxBufferedBytes && length > smallBytes) finish({ kind: "busy" });
    });
    request.on("end", () => {
      if (!finished) finish({ kind: "body", body: join(chunks, length) });
    });
    request.on("close", () => {
      if (!finished) finish({ kind: "aborted" });
    });
  };
}

/** Most bodies come in one piece. */
function join(chunks: readonly Buffer[], length: number): Buffer {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, length);
}
