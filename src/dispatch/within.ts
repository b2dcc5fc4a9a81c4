/** Calls back with an error once `milliseconds` have passed, unless the function that it returns is called before. */
export function alarm(milliseconds: number, ring: (error: Error) => void): () => void {
  const timer = setTimeout(() => {
    ring(new Error(`no answer within ${Math.round(milliseconds)} ms`));
  }, milliseconds);
  return () => {
    clearTimeout(timer);
  };
}

/** What `promise` resolves to. @throws Error where it takes longer than `milliseconds`; what comes of it later is nobody's. */
export async function soon<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const stop = alarm(milliseconds, late.reject);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    stop();
  }
}

/**
 * Runs a call with a signal that aborts it after `milliseconds`. AbortSignal.timeout would hold on to the call, its request and its answer,
 * until the time is up, however soon the call has ended: 150 MiB in a burst of webhooks.
 */
export async function within<T>(milliseconds: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = alarm(milliseconds, (error) => {
    controller.abort(error);
  });
  try {
    return await call(controller.signal);
  } finally {
    stop();
  }
}
