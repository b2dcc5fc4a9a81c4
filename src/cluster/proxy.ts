/**
 * The proxy that the environment names, as kubectl reads it. Node's own `proxyEnv` differs: it
 * ignores networks in NO_PROXY, and uses a proxy even for a cluster on this machine.
 */
import { BlockList, isIP } from "node:net";

export interface Proxy {
  readonly url: string;
  /** For messages: where it's set. */
  readonly source: string;
}

/**
 * Undefined: none. https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config says what counts.
 * @param env HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or the same in lower case
 */
export function proxyFor(server: URL, env: Readonly<Record<string, string | undefined>>): Proxy | undefined {
  const name = server.protocol === "http:" ? "HTTP_PROXY" : "HTTPS_PROXY";
  const read = (key: string): string => env[key] || env[key.toLowerCase()] || "";
  const proxy = read(name);
  if (proxy === "" || isExempt(server, read("NO_PROXY"))) return undefined;
  return { url: proxy.includes("://") ? proxy : `http://${proxy}`, source: `${name} is` };
}

function isExempt(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const port = server.port || (server.protocol === "http:" ? "80" : "443");
  if (host === "localhost" || isInNetwork(host, "127.0.0.0/8") || host === "::1") return true;
  return noProxy
    .toLowerCase()
    .split(",")
    .map((entry) => entry.trim())
    .some((entry) => {
      if (entry === "*" || isInNetwork(host, entry)) return true;
      const [, name = "", onlyPort = port] = /^\[?(.+?)\]?(?::(\d+))?$/.exec(isIP(entry) ? `[${entry}]` : entry) ?? [];
      if (name === "" || onlyPort !== port) return false;
      // `.example.org` and `*.example.org` don't include example.org itself.
      const suffix = name.replace(/^\*?\.?/, ".");
      return (host === name && !name.startsWith(".")) || (!isIP(host) && host.endsWith(suffix));
    });
}

function isInNetwork(host: string, network: string): boolean {
  const [, base = "", bits = ""] = /^(.+)\/(\d+)$/.exec(network) ?? [];
  const family = isIP(host) === 6 ? "ipv6" : "ipv4";
  if (isIP(host) === 0 || isIP(base) !== isIP(host) || Number(bits) > (family === "ipv6" ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family);
  return list.check(host, family);
}
