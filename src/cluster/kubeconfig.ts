/** Finds a person's kubeconfig, or the Pod's own credentials, as kubectl does. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { messageOf } from "../process/errors.ts";
import { proxyFor } from "./proxy.ts";

export interface KubeconfigSource {
  /** `--kubeconfig` */
  readonly file?: string | undefined;
  /** `--context` */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A `problem` is a whole sentence: where, why, and what to do next. */
export type Loaded = { readonly config: KubeConfig } | { readonly problem: string };

/**
 * Loads the one context to use. The order is kubectl's: `--kubeconfig`, KUBECONFIG, ~/.kube/config,
 * and without any of these the ServiceAccount of the Pod that it runs in.
 * https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 */
export function loadKubeconfig({ file, context, env }: KubeconfigSource): Loaded {
  const listed = env["KUBECONFIG"]?.split(delimiter).filter((path) => path !== "") ?? [];
  const known = listed.length > 0 ? listed : [join(env["HOME"] ?? homedir(), ".kube", "config")];
  // Like kubectl, it skips files of KUBECONFIG that don't exist, but not --kubeconfig's.
  const files = file === undefined ? known.filter((path) => existsSync(path)) : [file];
  const found = files.length === 0 ? withoutFile(context, env, known) : merge(files);
  return "problem" in found ? found : choose(found.config, { context, env, where: files.join(" and ") });
}

function isInPod(env: KubeconfigSource["env"]): boolean {
  return Boolean(env["KUBERNETES_SERVICE_HOST"]);
}

function withoutFile(context: string | undefined, env: KubeconfigSource["env"], known: readonly string[]): Loaded {
  if (context !== undefined || !isInPod(env)) return { problem: nowhere(known) };
  const config = new KubeConfig();
  config.loadFromCluster();
  return { config };
}

function nowhere(known: readonly string[]): string {
  return `found no kubeconfig: there's no ${known.join(", no ")}. Set KUBECONFIG, or pass --kubeconfig FILE`;
}

/** The first file that has a name wins. (client-node's own merge fails if two files share one.) */
function merge(files: readonly string[]): Loaded {
  const config = new KubeConfig();
  const parts: KubeConfig[] = [];
  for (const file of files) {
    const part = new KubeConfig();
    try {
      part.loadFromFile(file);
    } catch (error) {
      // The YAML parser's further lines quote the file, which can hold secrets.
      const [why] = messageOf(error).split("\n", 1);
      return { problem: `can't read the kubeconfig ${file}: ${why}. Try: kubectl config view` };
    }
    parts.push(part);
  }
  config.loadFromOptions({
    clusters: firstOfEach(parts.flatMap((part) => part.clusters)),
    users: firstOfEach(parts.flatMap((part) => part.users)),
    contexts: firstOfEach(parts.flatMap((part) => part.contexts)),
    currentContext: parts.find((part) => part.currentContext)?.currentContext,
  });
  return { config };
}

function firstOfEach<T extends { readonly name: string }>(named: readonly T[]): T[] {
  return named.filter(({ name }, index) => named.findIndex((other) => other.name === name) === index);
}

function choose(
  config: KubeConfig,
  { context: wanted, env, where }: Pick<KubeconfigSource, "context" | "env"> & { readonly where: string },
): Loaded {
  const name = wanted ?? config.currentContext;
  const names = config.contexts.map((each) => each.name).join(", ") || "none";
  if (!name) return { problem: `${where} sets no current context. Pass --context NAME. Its contexts: ${names}` };
  const context = config.getContextObject(name);
  if (!context) return { problem: `the context ${JSON.stringify(name)} isn't in ${where}. Its contexts: ${names}` };
  const cluster = config.getCluster(context.cluster);
  if (!cluster || !URL.canParse(cluster.server))
    return {
      problem: `the context ${JSON.stringify(name)} in ${where} needs the cluster ${JSON.stringify(context.cluster)}, which is missing or has no valid server URL`,
    };
  const server = new URL(cluster.server);
  // As with kubectl, the kubeconfig's proxy comes first.
  const proxy = cluster.proxyUrl
    ? { url: cluster.proxyUrl, source: `${where} has the proxy-url` }
    : proxyFor(server, env);
  if (proxy && !(URL.canParse(proxy.url) && /^https?:/.test(proxy.url)))
    return { problem: `${proxy.source} ${proxy.url}, but Curfew supports only HTTP and HTTPS proxies` };
  const usable = {
    ...cluster,
    ...(proxy && { proxyUrl: proxy.url }),
    skipTLSVerify: cluster.skipTLSVerify || server.protocol === "http:", // client-node insists
  };
  const { users, contexts } = config;
  config.loadFromOptions({ clusters: [usable], users, contexts, currentContext: name });
  return { config };
}
