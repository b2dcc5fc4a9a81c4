import { writeSync } from "node:fs";

const STDOUT = 1;

/**
 * Collects the lines of one turn of the event loop and writes them with one system call, which costs more than to make a line. So each
 * is out within the turn that logged it. What is collected is written at exit, too.
 */
export function stdoutByTurn(): { readonly write: (line: string) => void } {
  let lines = "";
  const flush = (): void => {
    const text = lines;
    lines = "";
    if (text !== "") writeAll(Buffer.from(text));
  };
  process.once("exit", flush);
  return {
    write(line) {
      if (lines === "") setImmediate(flush);
      lines += line;
    },
  };
}

/** Waits for who reads; where nobody does, or the disk is full, lines are lost, and the process goes on. */
function writeAll(bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(STDOUT, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      // A pipe that is full, and which another process has made non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
