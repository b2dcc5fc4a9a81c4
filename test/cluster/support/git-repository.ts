/** A git repository on this machine that Pods can clone. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

export interface GitRepository {
  readonly url: string;
  /** Commits a file to `main`; returns the commit. The file's name is the message. */
  readonly commit: (file: string, content: Buffer | string) => string;
  readonly close: () => Promise<void>;
}

/** Serves a new repository by HTTP at `host`, an address of this machine. */
export async function serveRepository(host: string): Promise<GitRepository> {
  const root = mkdtempSync(path.join(tmpdir(), "curfew-git-"));
  const folder = path.join(root, "web");
  mkdirSync(folder);
  const author = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
  const git = (...args: string[]): string =>
    execFileSync("git", [...author, ...args], { cwd: folder, encoding: "utf8" }).trim();
  git("init", "--quiet", "--initial-branch=main");
  const server = createServer((request, response) => {
    serve(root, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/web/.git`,
    commit(file, content) {
      writeFileSync(path.join(folder, file), content);
      git("add", file);
      git("commit", "--quiet", `--message=${file}`);
      return git("rev-parse", "HEAD");
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      rmSync(root, { recursive: true });
    },
  };
}

/** Answers by git's own CGI program. */
function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://git");
  const { headers } = request;
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers["content-type"],
      HTTP_CONTENT_ENCODING: headers["content-encoding"],
      GIT_PROTOCOL: headers["git-protocol"]?.toString(),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  request.pipe(child.stdin);
  child.stdin.on("error", () => undefined); // it may end before it has read everything
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.on("close", () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf("\r\n\r\n");
    const lines = answer.subarray(0, end).toString().split("\r\n");
    const fields = lines.map((line) => line.split(": ", 2) as [string, string]);
    const status = fields.find(([name]) => name === "Status")?.[1] ?? "200";
    response.writeHead(parseInt(status), Object.fromEntries(fields.filter(([name]) => name !== "Status")));
    response.end(answer.subarray(end + 4));
  });
}
