/** Time limits for calls that may never be answered. All times are in milliseconds. */
import { OutsideError } from "./errors.ts";

/** Calls `onLate` with an error once `ms` have passed, unless the function that it returns is called before. */
export function onTimeout(ms: number, onLate: (error: Error) => void): () => void {
  const timer = setTimeout(() => {
    onLate(new OutsideError(`no answer within ${Math.round(ms)} ms`));
  }, ms);
  return () => {
    clearTimeout(timer);
  };
}

/** What `promise` resolves to. What comes of it after the time limit is dropped. @throws OutsideError if it takes longer than `ms`. */
export async function rejectAfter<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const stop = onTimeout(ms, late.reject);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    stop();
  }
}

/**
 * Runs a call with a signal that aborts it after `ms`. AbortSignal.timeout would hold on to the call, its request and its answer until
 * the time is up, however soon the call ends: 150 MiB in a burst of webhooks.
 */
export async function abortAfter<T>(ms: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = onTimeout(ms, (error) => {
    controller.abort(error);
  });
  try {
    return await call(controller.signal);
  } finally {
    stop();
  }
}
