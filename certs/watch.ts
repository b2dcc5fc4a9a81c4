/** Tells when an object may have changed. Never what it is now: whoever is told reads it. */
import { Watch, type KubeConfig } from "@kubernetes/client-node";
import { setTimeout as sleep } from "node:timers/promises";
import type { Names } from "./kubernetes.ts";

export interface WatchOptions {
  readonly onChange: () => void;
  readonly onTrouble: (path: string, error: unknown) => void;
  readonly signal: AbortSignal;
}

/**
 * How long a watch lives. The API server ends it then, a silent connection is given up by client-node after the same time, and each
 * new watch begins with a change: so one that stalls costs at most this, and needs no resourceVersion to go on from.
 */
const LIFE_SECONDS = 30;
/** After trouble, and after a watch that lived shorter: an API server on its way down, or a proxy, may end each at once. */
const PAUSE_MS = 2_000;

/** Watches the Secret and the webhook configuration, each by its name alone, until the signal. */
export async function watchBoth(config: KubeConfig, names: Names, options: WatchOptions): Promise<void> {
  const admission = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  await Promise.all([
    watchOne(config, `/api/v1/namespaces/${names.namespace}/secrets`, names.secret, options),
    watchOne(config, admission, names.webhookConfiguration, options),
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

/** Resolves when the watch has ended, to what ended it, nothing for its ordinary end. */
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

/** Silence for as long as a watch lives is its ordinary end, as is the API server's own. */
function isTrouble(error: unknown): boolean {
  const isSilence = error instanceof DOMException && error.name === "TimeoutError";
  return error !== null && error !== undefined && !isSilence;
}
