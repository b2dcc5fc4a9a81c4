/**
 * Makes a function that runs calls, but at most `concurrency` at once. The others wait for their
 * turn, first come, first served. It resolves, or rejects, as the call does.
 */
export function createInTurn(concurrency: number): <T>(call: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = concurrency;
  return async (call) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await call();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
