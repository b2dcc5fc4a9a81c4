/** Sees whether a cluster answers, and says in one line why it doesn't. */
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { printable } from "../injection/quote.ts";
import { KubeClient } from "../kubernetes/client.ts";
import { statusMessage } from "../kubernetes/status-message.ts";
import { messageOf } from "../process/errors.ts";

export type Reached =
  | { readonly client: KubeClient; readonly where: string; readonly version: string | undefined }
  | { readonly problem: string };

/** Asks the current context's API server for its version, which needs no permission by default. */
export async function reach(config: KubeConfig, timeoutMs: number): Promise<Reached> {
  const { where, context } = describe(config);
  const noCredentials = await credentialsProblem(config);
  if (noCredentials !== undefined) return { problem: `no credentials for ${where}: ${noCredentials}` };
  const client = new KubeClient(config);
  try {
    const response = await client.request({ method: "GET", path: "/version", timeoutMs });
    const text = await response.text();
    if (response.code === 401)
      return {
        problem: `${where} doesn't accept the credentials (401 Unauthorized). Log in again, or give another --context`,
      };
    return { client, where, version: versionIn(text) };
  } catch (error) {
    const why = messageOf(error instanceof Error ? (error.cause ?? error) : error);
    return { problem: `${where} can't be reached: ${oneLine(why)}. Try: kubectl${context} cluster-info` };
  }
}

function describe(config: KubeConfig): { where: string; context: string } {
  const server = config.getCurrentCluster()?.server ?? "";
  const name = config.currentContext;
  // client-node's own name for a Pod's credentials.
  if (name === "inClusterContext") return { where: `${server} (this Pod's cluster)`, context: "" };
  return { where: `${server} (context ${JSON.stringify(name)})`, context: ` --context ${JSON.stringify(name)}` };
}

/** Plugins can fail, and files can be missing. */
async function credentialsProblem(config: KubeConfig): Promise<string | undefined> {
  try {
    await config.applyToHTTPSOptions({});
    return undefined;
  } catch (error) {
    const plugin = config.getCurrentUser()?.exec as { readonly command?: string } | null | undefined;
    const who = plugin?.command === undefined ? "" : `${plugin.command} failed: `;
    return `${who}${oneLine(messageOf(error))}`;
  }
}

function versionIn(text: string): string | undefined {
  if (statusMessage(text) !== undefined) return undefined;
  try {
    const version = (JSON.parse(text) as { readonly gitVersion?: unknown } | null)?.gitVersion;
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined; // not an API server's answer; the next request says so
  }
}

function oneLine(text: string): string {
  return printable(text.trim().replaceAll(/\s*\n\s*/g, "; ")).slice(0, 300);
}
