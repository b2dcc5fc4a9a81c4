import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestAuthority } from "../../../sim/api-server/authority.ts";
import { openCluster, type ClusterOptions, type NamespaceOptions } from "../../../src/cluster/options.ts";

const folder = mkdtempSync(path.join(tmpdir(), "curfew-options-"));
let api: Server;
let url = "";

beforeAll(async () => {
  api = createServer((request, response) => {
    const isKnown = request.headers.authorization !== "Bearer wrong";
    response.writeHead(isKnown ? 200 : 401, { "content-type": "application/json" });
    response.end(JSON.stringify(isKnown ? { gitVersion: "v1.37.2" } : { message: "Unauthorized" }));
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
});

afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Context {
  readonly server?: string;
  readonly proxy?: string;
  readonly insecure?: boolean;
  readonly user?: object;
  readonly namespace?: string;
}

/** Writes a kubeconfig in which each context has a cluster and a user of its own name. */
function kubeconfig(file: string, contexts: Readonly<Record<string, Context>>, current?: string): string {
  const named = Object.entries(contexts);
  const config = {
    clusters: named.map(([name, { server = url, proxy, insecure }]) => ({
      name,
      cluster: { server, "proxy-url": proxy, "insecure-skip-tls-verify": insecure },
    })),
    users: named.map(([name, { user = {} }]) => ({ name, user })),
    contexts: named.map(([name, { namespace }]) => ({ name, context: { cluster: name, user: name, namespace } })),
    ...(current !== undefined && { "current-context": current }),
  };
  writeFileSync(path.join(folder, file), JSON.stringify(config));
  return path.join(folder, file);
}

const open = (options: ClusterOptions & NamespaceOptions, env: Readonly<Record<string, string>> = {}) =>
  openCluster(options, { HOME: folder, PATH: process.env["PATH"], ...env });

async function problemOf(
  options: ClusterOptions & NamespaceOptions,
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const opened = await open(options, env);
  return "problem" in opened ? opened.problem : "none";
}

describe("kubectl's flags", () => {
  it("name the kubeconfig and its context, which names the namespace", async () => {
    const file = kubeconfig("two", { one: {}, two: { namespace: "ci" } }, "one");
    const one = { where: `${url} (context "one")`, version: "v1.37.2", namespace: "default", timeoutMs: 30_000 };
    expect(await open({ kubeconfig: file })).toMatchObject({ cluster: one });
    expect(await open({ kubeconfig: file, context: "two" })).toMatchObject({ cluster: { namespace: "ci" } });
    expect(await open({ kubeconfig: file, context: "two", namespace: "qa" })).toMatchObject({
      cluster: { namespace: "qa" },
    });
    expect(await open({ kubeconfig: file, context: "two", namespace: "" })).toMatchObject({
      cluster: { namespace: "ci" },
    });
    const all = await open({ kubeconfig: file, allNamespaces: true, namespace: "qa", requestTimeout: "2m" });
    expect(all).toMatchObject({ cluster: { namespace: undefined, timeoutMs: 120_000 } });
  });

  it("lead through the kubeconfig's proxy, which must speak HTTP", async () => {
    const server = "http://only-the-proxy-knows.invalid";
    const socks = "socks5://127.0.0.1:1080";
    const file = kubeconfig("proxies", { http: { server, proxy: url }, socks: { server, proxy: socks } });
    expect(await open({ kubeconfig: file, context: "http" })).toMatchObject({ cluster: { version: "v1.37.2" } });
    expect(await problemOf({ kubeconfig: file, context: "socks" })).toContain(`has the proxy-url ${socks}, but`);
  });

  it("lead through the environment's proxy, as with kubectl, unless the kubeconfig has its own", async () => {
    const key = createTestAuthority().issue();
    const cluster = createTlsServer(key, (_, response) => response.end(JSON.stringify({ gitVersion: "v1.36.0" })));
    const wanted: string[] = [];
    const proxy = createServer().on("connect", ({ url: target = "" }, socket: Socket) => {
      wanted.push(target);
      const { port } = cluster.address() as AddressInfo;
      const through = connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      through.pipe(socket).pipe(through);
      for (const end of [through, socket]) end.on("error", () => undefined);
    });
    for (const server of [cluster, proxy]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const server = "https://cluster.invalid:6443";
    const file = kubeconfig("env-proxy", {
      one: { server, insecure: true },
      own: { server, insecure: true, proxy: url },
    });
    const HTTPS_PROXY = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      const opened = await open({ kubeconfig: file, context: "one" }, { HTTPS_PROXY });
      expect(opened).toMatchObject({ cluster: { version: "v1.36.0" } });
      expect(wanted).toEqual(["cluster.invalid:6443"]);
      const env = { HTTPS_PROXY, NO_PROXY: "10.0.0.0/8,.invalid" };
      expect(await problemOf({ kubeconfig: file, context: "one" }, env)).toMatch(
        /reached: getaddrinfo .*cluster.invalid/,
      );
      expect(await problemOf({ kubeconfig: file, context: "own" }, { HTTPS_PROXY })).toContain("can't be reached");
      expect(wanted).toHaveLength(1);
      expect(await problemOf({ kubeconfig: file, context: "one" }, { HTTPS_PROXY: "socks5://127.0.0.1:1" })).toBe(
        "HTTPS_PROXY is socks5://127.0.0.1:1, but Curfew supports only HTTP and HTTPS proxies",
      );
    } finally {
      for (const each of [cluster, proxy]) each.closeAllConnections();
      cluster.close();
      proxy.close();
    }
  });

  it("aren't needed if KUBECONFIG has the files: the first one that has a name wins, missing ones don't matter", async () => {
    const first = kubeconfig("first", { one: { namespace: "first" } });
    const second = kubeconfig("second", { one: { namespace: "second" }, two: { namespace: "two" } }, "two");
    const KUBECONFIG = [path.join(folder, "missing"), first, second].join(path.delimiter);
    expect(await open({}, { KUBECONFIG })).toMatchObject({ cluster: { namespace: "two" } });
    expect(await open({ context: "one" }, { KUBECONFIG })).toMatchObject({ cluster: { namespace: "first" } });
  });

  it("give a plugin's credentials to the API server", async () => {
    const exec = (token: string) => {
      const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: { token } };
      const { apiVersion } = credential;
      return { exec: { apiVersion, command: "echo", args: [JSON.stringify(credential)], interactiveMode: "Never" } };
    };
    const file = kubeconfig("plugin", { right: { user: exec("right") }, wrong: { user: exec("wrong") } });
    expect(await open({ kubeconfig: file, context: "right" })).toMatchObject({ cluster: { version: "v1.37.2" } });
    expect(await problemOf({ kubeconfig: file, context: "wrong" })).toBe(
      `${url} (context "wrong") doesn't accept the credentials (401 Unauthorized). Log in again, or pass another --context`,
    );
  });
});

describe("one line says where, why and what next", () => {
  it("if there's no kubeconfig", async () => {
    expect(await problemOf({})).toBe(
      `found no kubeconfig: there's no ${path.join(folder, ".kube/config")}. Set KUBECONFIG, or pass --kubeconfig FILE`,
    );
    expect(await problemOf({ kubeconfig: path.join(folder, "missing") })).toMatch(
      /^can't read the kubeconfig \S+missing: ENOENT/,
    );
  });

  it("if it isn't one", async () => {
    const file = path.join(folder, "text");
    writeFileSync(file, "clusters: [");
    expect(await problemOf({ kubeconfig: file })).toMatch(/^can't read the kubeconfig \S+text: .*kubectl config view$/);
  });

  it("if the context is missing, unknown, or names no cluster", async () => {
    const file = kubeconfig("contexts", { one: {}, odd: { server: "nowhere" } });
    expect(await problemOf({ kubeconfig: file })).toBe(
      `${file} sets no current context. Pass --context NAME. Its contexts: one, odd`,
    );
    expect(await problemOf({ kubeconfig: file, context: "two" })).toBe(
      `the context "two" isn't in ${file}. Its contexts: one, odd`,
    );
    expect(await problemOf({ kubeconfig: file, context: "odd" })).toContain(
      'needs the cluster "odd", which is missing or has no valid server URL',
    );
  });

  it("if the API server can't be reached", async () => {
    const file = kubeconfig("down", { down: { server: "https://127.0.0.1:1" } }, "down");
    expect(await problemOf({ kubeconfig: file })).toBe(
      'https://127.0.0.1:1 (context "down") can\'t be reached: connect ECONNREFUSED 127.0.0.1:1. Try: kubectl --context "down" cluster-info',
    );
  });

  it("if a plugin fails", async () => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "false" };
    const missing = { ...exec, command: "no-such-plugin" };
    const file = kubeconfig("plugins", { fails: { user: { exec } }, missing: { user: { exec: missing } } });
    expect(await problemOf({ kubeconfig: file, context: "fails" })).toMatch(/^no credentials for .*: false failed/);
    expect(await problemOf({ kubeconfig: file, context: "missing" })).toMatch(
      /no-such-plugin failed: spawn no-such-plugin ENOENT/,
    );
  });

  it("if a plugin hangs, or what it has started", async () => {
    const apiVersion = "client.authentication.k8s.io/v1";
    const hangs = { apiVersion, command: "sleep", args: ["1000"] };
    const leaves = { apiVersion, command: "sh", args: ["-c", "sleep 10 & exit 0"] };
    const file = kubeconfig("hanging", { hangs: { user: { exec: hangs } }, leaves: { user: { exec: leaves } } });
    for (const [context, command] of [
      ["hangs", "sleep"],
      ["leaves", "sh"],
    ]) {
      expect(await problemOf({ kubeconfig: file, context: context ?? "", requestTimeout: "0.5s" })).toBe(
        `no credentials for ${url} (context "${context}"): ${command} failed: no answer within 500 ms`,
      );
    }
  });

  it("if the time isn't one, or the namespace can't be one", async () => {
    expect(await problemOf({ requestTimeout: "soon" })).toBe(
      `--request-timeout: "soon" isn't a duration such as 30s or 2m`,
    );
    expect(await problemOf({ namespace: "../nodes" })).toBe(
      '--namespace: "../nodes" isn\'t a valid name for a namespace, such as my-namespace',
    );
  });
});
