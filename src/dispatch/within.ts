/** What `promise` resolves to. @throws Error where it takes longer than `milliseconds`; what comes of it later is nobody's. */
export async function soon<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${Math.round(milliseconds)} ms`));
    }, milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs a call with a signal that aborts it after `milliseconds`. AbortSignal.timeout would hold on to the call, its request and its answer,
 * until the time is up, however soon the call has ended: 150 MiB in a burst of webhooks.
 */
export async function within<T>(milliseconds: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new Error(`no answer within ${Math.round(milliseconds)} ms`));
  }, milliseconds);
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}
