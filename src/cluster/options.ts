/**
 * How a command for people reaches a cluster: kubectl's flags, and a client for the cluster that
 * they name.
 */
import type { Command } from "commander";
import { DNS_LABEL } from "../injection/dns-label.ts";
import type { KubeClient } from "../kubernetes/client.ts";
import { loadKubeconfig } from "./kubeconfig.ts";
import { reach } from "./reach.ts";

export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly requestTimeout?: string;
}

export interface NamespaceOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

/** A cluster that has answered. */
export interface Cluster {
  readonly client: KubeClient;
  /** Its URL, and the context's name if there's a kubeconfig: for people. */
  readonly where: string;
  /** Such as `v1.36.2`. Undefined: it doesn't tell this user. */
  readonly version: string | undefined;
  /** `-n`, or the context's. Undefined: all of them, `-A`. */
  readonly namespace: string | undefined;
  /** For each request. */
  readonly timeoutMs: number;
}

/** A `problem` is one line for people: where, why, and what to do next. The exit code is 2 then. */
export type Opened = { readonly cluster: Cluster } | { readonly problem: string };

/** Adds kubectl's flags that say which cluster. */
export function addClusterOptions(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "the kubeconfig to use (default: as kubectl finds it, or the Pod's own credentials)")
    .option("--context <name>", "the kubeconfig's context to use (default: its current context)")
    .option("--request-timeout <time>", "how long each request can take, such as 30s or 2m; 0: no limit", "30s");
}

/** Adds `-n` and `-A`. */
export function addNamespaceOptions(command: Command): Command {
  return command
    .option("-n, --namespace <name>", "the namespace to look at (default: the context's)")
    .option("-A, --all-namespaces", "look at all namespaces, whatever --namespace says");
}

/**
 * Finds the cluster, and asks for its version, to see that it's there and accepts the credentials.
 * Never throws for what people can get wrong: see {@link Opened}.
 */
export async function openCluster(
  options: ClusterOptions & NamespaceOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Opened> {
  const timeoutMs = parseTimeout(options.requestTimeout ?? "30s");
  if (timeoutMs === undefined)
    return {
      problem: `--request-timeout: ${JSON.stringify(options.requestTimeout)} isn't a duration such as 30s or 2m`,
    };
  const given = options.namespace || undefined; // like kubectl, which ignores an empty one
  if (given !== undefined && !DNS_LABEL.test(given))
    return {
      problem: `--namespace: ${JSON.stringify(given)} isn't a valid name for a namespace, such as my-namespace`,
    };
  const loaded = loadKubeconfig({ file: options.kubeconfig, context: options.context, env });
  if ("problem" in loaded) return loaded;
  const reached = await reach(loaded.config, timeoutMs);
  if ("problem" in reached) return reached;
  const ownNamespace = loaded.config.getContextObject(loaded.config.currentContext)?.namespace;
  const namespace = options.allNamespaces ? undefined : (given ?? ownNamespace ?? "default");
  return { cluster: { ...reached, namespace, timeoutMs } };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The longest that Node's timers can wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** Milliseconds. As with kubectl, a number without a unit is seconds, and 0 sets no limit. */
function parseTimeout(text: string): number | undefined {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  return Number(amount) === 0 ? LONGEST_MS : Math.min(Number(amount) * (UNIT_MS[unit] ?? 0), LONGEST_MS);
}
