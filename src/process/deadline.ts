/** Time limits for calls that may never be answered. All times are in milliseconds. */
import { OutsideError } from "./errors.ts";

/**
 * Calls `onLate` with an {@link OutsideError} after `ms`, unless the function that it returns is
 * called first.
 */
export function onTimeout(ms: number, onLate: (error: Error) => void): () => void {
  const timer = setTimeout(() => {
    onLate(new OutsideError(`no answer within ${Math.round(ms)} ms`));
  }, ms);
  return () => {
    clearTimeout(timer);
  };
}

/**
 * Resolves to what `promise` resolves to. A result that comes after the time limit is dropped.
 * @throws OutsideError if it takes longer than `ms`, or what `promise` rejects with.
 */
export async function rejectAfter<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const stop = onTimeout(ms, late.reject);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    stop();
  }
}

/** Resolves to whether `promise` resolves within `ms`. This keeps no process alive. */
export async function isWithin(ms: number, promise: Promise<true>): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(late.resolve, ms, false).unref();
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs `call` with a signal that aborts it after `ms`. AbortSignal.timeout would keep the call, its
 * request and its answer in memory until the time is up, even if the call ends sooner: 150 MiB in a
 * burst of webhooks.
 * @throws what `call` throws.
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
