import { KubeUnreachableError } from "./kube-client.ts";
import { StacksError } from "./stacks-api.ts";

/** An error for the log: what is expected of networks in one line, a surprise with its stack and its causes. */
export function describeError(error: unknown): { readonly reason: string } | { readonly err: unknown } {
  return error instanceof StacksError || error instanceof KubeUnreachableError
    ? { reason: error.message }
    : { err: error };
}
