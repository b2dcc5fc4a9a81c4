/**
 * The servers that answer reviews: Curfew's bundle as shipped, and what it's compared with. They
 * share a certificate and a core.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../scripts/bundle.ts";
import { post } from "../../test/support/admission/admission.ts";
import { createTestAuthority } from "../../sim/api-server/authority.ts";
import { nodeOptionsOf } from "./node-options.ts";
import { startProgram, startServer, type ServerProcess } from "./server-process.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const BARE = fileURLToPath(new URL("../servers/bare.ts", import.meta.url));
const GO_WEBHOOK = fileURLToPath(new URL("../servers/webhook.go", import.meta.url));

export type GoMode = "diff" | "metadata";

export interface ReviewServers {
  /** PEM, of the authority that signed the servers' certificate. */
  readonly ca: string;
  readonly startCurfew: () => Promise<ServerProcess>;
  /** A Node server that answers `answer` to everything. */
  readonly startBare: (answer: string) => Promise<ServerProcess>;
  /** A Go server that makes the edits of `answer`. Undefined if Go isn't installed. */
  readonly startGo: (mode: GoMode, answer: string) => Promise<ServerProcess | undefined>;
  /** Curfew's answer to a review that it should patch. @throws if it doesn't. */
  readonly answerTo: (curfew: ServerProcess, review: string) => Promise<string>;
}

/** Builds the bundle, lends the servers to `use`, and ends them. */
export async function withReviewServers<T>(use: (servers: ReviewServers) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "curfew-bench-"));
  // Curfew watches its certificate's folder, so log lines in there would wake it.
  const certificateFolder = mkdtempSync(join(folder, "certificate-"));
  const running: ServerProcess[] = [];
  let files = 0;
  const file = (name: string, text: string, parent = folder): string => {
    const path = join(parent, `${++files}-${name}`);
    writeFileSync(path, text);
    return path;
  };
  const started = async (server: Promise<ServerProcess>): Promise<ServerProcess> => {
    running.push(await server);
    return server;
  };
  let goBinary: string | undefined;
  const buildGo = (): string | undefined => {
    const binary = join(folder, "webhook");
    const { error, status, stderr } = spawnSync("go", ["build", "-o", binary, GO_WEBHOOK], { encoding: "utf8" });
    if (error !== undefined) return undefined;
    if (status !== 0) throw new Error(`go build ${GO_WEBHOOK} failed: ${stderr}`);
    return binary;
  };
  try {
    await bundle(true);
    const authority = createTestAuthority();
    const pair = authority.issue();
    const [cert, key] = [file("tls.crt", pair.cert, certificateFolder), file("tls.key", pair.key, certificateFolder)];
    return await use({
      ca: authority.ca,
      startCurfew() {
        const ports = ["--host", "127.0.0.1", "--port", "0", "--ops-port", "0"];
        const args = [CLI, "admission", ...ports, "--tls-cert", cert, "--tls-key", key];
        return started(startServer([...nodeOptionsOf("base"), ...args], file("curfew.log", "")));
      },
      startBare: (answer) => started(startServer([BARE, cert, key, file("answer", answer)], file("bare.log", ""))),
      async startGo(mode, answer) {
        goBinary ??= buildGo();
        if (goBinary === undefined) return undefined;
        const program = ["env", "GOMAXPROCS=1", goBinary, mode, cert, key, file("answer", answer)];
        return started(startProgram(program, file("go.log", "")));
      },
      async answerTo(curfew, review) {
        const { status, body } = await post(review, { port: curfew.port, ca: authority.ca });
        const answer = JSON.stringify(body);
        if (status !== 200 || !answer.includes('"outcome":"patched"')) throw new Error(`not patched: ${answer}`);
        return answer;
      },
    });
  } finally {
    await Promise.all(running.map((server) => server.stop()));
    rmSync(folder, { recursive: true });
  }
}
