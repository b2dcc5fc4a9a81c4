/**
 * Watches the objects of `curfew certs`. It says that one may have changed, not how: the caller
 * reads it again.
 */
import { Watch, type KubeConfig } from "@kubernetes/client-node";
import { setTimeout as sleep } from "node:timers/promises";
import type { Names } from "./kubernetes.ts";

/** Whom to tell, and how long to watch. */
export interface WatchOptions {
  readonly onChange: () => void;
  /** Called if a watch fails, with the path of its collection. It's tried again. */
  readonly onTrouble: (path: string, error: unknown) => void;
  readonly signal: AbortSignal;
}

/**
 * How long a watch lasts. Then the API server ends it, or client-node gives up a silent connection.
 * Each new watch begins with a change, so no resourceVersion is needed to resume, and a stalled
 * watch delays a change by no more than this.
 */
const LIFE_SECONDS = 30;
/**
 * The pause after a failed watch, and after one that was shorter than this: a stopping API server
 * or a proxy may end each at once.
 */
const PAUSE_MS = 2_000;

/**
 * Watches the Secret and the webhook configurations, each by name, until the signal. Never rejects.
 */
export async function watchAll(config: KubeConfig, names: Names, options: WatchOptions): Promise<void> {
  const admission = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  await Promise.all([
    watchOne(config, `/api/v1/namespaces/${names.namespace}/secrets`, names.secret, options),
    ...names.webhookConfiguration.map((name) => watchOne(config, admission, name, options)),
  ]);
}

async function watchOne(config: KubeConfig, path: string, name: string, options: WatchOptions): Promise<void> {
  const { onChange, onTrouble, signal } = options;
  const query = { fieldSelector: `metadata.name=${name}`, timeoutSeconds: LIFE_SECONDS };
  const isStopped = (): boolean => signal.aborted;
  while (!isStopped()) {
    const began = performance.now();
    const error = await untilEnd(config, path, query, onChange, signal);
    if (isStopped()) return;
    const isInTrouble = isTrouble(error);
    if (isInTrouble) onTrouble(path, error);
    if (!isInTrouble && performance.now() - began >= PAUSE_MS) continue;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Resolves when the watch has ended, with the error if there was one. */
async function untilEnd(
  config: KubeConfig,
  path: string,
  query: Readonly<Record<string, string | number>>,
  onChange: () => void,
  signal: AbortSignal,
): Promise<unknown> {
  const ended = Promise.withResolvers<unknown>();
  const stop = (): void => {
    ended.resolve(undefined);
  };
  signal.addEventListener("abort", stop, { once: true });
  const watching = new Watch(config).watch(path, query, onChange, ended.resolve);
  watching.catch(ended.resolve);
  const end = await ended.promise;
  signal.removeEventListener("abort", stop);
  watching.then(
    (watch) => {
      watch.abort();
    },
    () => undefined,
  );
  return end;
}

/** A watch normally ends without an error, or with a timeout if nothing happened in its time. */
function isTrouble(error: unknown): boolean {
  const isSilence = error instanceof DOMException && error.name === "TimeoutError";
  return error !== null && error !== undefined && !isSilence;
}
