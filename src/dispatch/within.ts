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
