/** SIGTERM, which kubelet sends, and SIGINT, which Ctrl-C sends. */
export interface Termination {
  readonly first: Promise<NodeJS.Signals>;
  /** From somebody who doesn't want to wait. */
  readonly second: Promise<NodeJS.Signals>;
  /** Gives the signals their usual effect back. */
  readonly dispose: () => void;
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** From now on, these signals don't end the process any more, but resolve the promises. */
export function untilTermination(): Termination {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  let count = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    count += 1;
    (count === 1 ? first : second).resolve(signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    first: first.promise,
    second: second.promise,
    dispose() {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
