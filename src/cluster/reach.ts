/** Sees whether a cluster answers, and says in one line why it doesn't. */
import { spawn, type ChildProcess } from "node:child_process";
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js";
import { printable } from "../injection/quote.ts";
import { KubeClient } from "../kubernetes/client.ts";
import { statusMessage } from "../kubernetes/status-message.ts";
import { onTimeout } from "../process/deadline.ts";
import { messageOf } from "../process/errors.ts";

export type Reached =
  | { readonly client: KubeClient; readonly where: string; readonly version: string | undefined }
  | { readonly problem: string };

/**
 * Asks the current context's API server for its version, which needs no permission by default.
 * @param timeoutMs for all of it, and for each time that a credential plugin runs
 */
export async function reach(config: KubeConfig, timeoutMs: number): Promise<Reached> {
  const { where, context } = describe(config);
  const end = Date.now() + timeoutMs;
  limitPlugins(config, timeoutMs);
  const noCredentials = await credentialsProblem(config);
  if (noCredentials !== undefined) return { problem: `no credentials for ${where}: ${noCredentials}` };
  const client = new KubeClient(config);
  try {
    const response = await client.request({
      method: "GET",
      path: "/version",
      timeoutMs: Math.max(1, end - Date.now()),
    });
    const text = await response.text();
    if (response.code === 401)
      return {
        problem: `${where} doesn't accept the credentials (401 Unauthorized). Log in again, or pass another --context`,
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

/**
 * client-node waits for a plugin for as long as it runs, and for as long as a process that the plugin
 * started keeps its output open.
 */
function limitPlugins(config: KubeConfig, timeoutMs: number): void {
  const { authenticators } = config as unknown as { readonly authenticators: readonly object[] };
  for (const authenticator of authenticators) {
    if (!(authenticator instanceof ExecAuth)) continue;
    const run = (...args: Parameters<typeof spawn>): ChildProcess => {
      const child = spawn(...args);
      const stop = onTimeout(timeoutMs, (error) => {
        child.emit("error", error); // client-node rejects with it once the output is closed
        child.kill("SIGKILL");
        for (const stream of child.stdio) stream?.destroy();
      });
      return child.once("close", stop).once("error", stop);
    };
    (authenticator as unknown as { execFn: typeof run }).execFn = run;
  }
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
