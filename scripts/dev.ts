/**
 * `npm run dev` runs the admission server on loopback, and restarts it when a source file changes.
 * Next to it a plain HTTP port takes a Job's manifest and answers with the Job that an API server
 * would store. It takes the flags of `curfew admission`: `npm run dev -- --strategy native`.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parse, stringify } from "yaml";
import { admit } from "../sim/api-server/admission.ts";
import { createTestAuthority } from "../sim/api-server/authority.ts";
import type { JobObject } from "../sim/api-server/store.ts";
import { admissionCommand } from "../src/admission/command.ts";
import { messageOf } from "../src/process/errors.ts";

const HOST = "127.0.0.1";
const PORT = 3000;

const authority = createTestAuthority();
const { cert, key } = authority.issue();
const folder = join(import.meta.dirname, "../node_modules/.cache/curfew-dev");
await mkdir(folder, { recursive: true });
const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);

const admission = admissionCommand();
const flags = ["--host", HOST, "--tls-cert", certFile, "--tls-key", keyFile, "--drain-seconds", "0"];

/** Sends a Job through the webhook and returns it as YAML, with the warnings as comments. */
async function admitted(manifest: string): Promise<string> {
  const wanted = parse(manifest) as Partial<JobObject> | null;
  if (wanted?.kind !== "Job" || !wanted.metadata) throw new Error("that's not a Job: send one manifest, YAML or JSON");
  const { port } = admission.opts<{ port: string }>();
  const webhook = { name: "jobs.curfew.sh", url: `https://${HOST}:${port}/mutate`, caBundle: authority.ca };
  const { job, warnings } = await admit([webhook], wanted as JobObject);
  return [...warnings.map((warning) => `# Warning: ${warning}\n`), stringify(job, { lineWidth: 0 })].join("");
}

const server = createServer((request, response) => {
  text(request)
    .then(admitted)
    .then(
      (answer) => response.end(answer),
      (error: unknown) => response.writeHead(400).end(`${messageOf(error)}\n`),
    );
}).listen(PORT, HOST, () => {
  console.log(`
  What would be stored:  curl --data-binary @examples/buildkite-agent.yaml http://localhost:${PORT}
  Metrics:               curl http://localhost:8080/metrics
  Change a file in src/ and ask again.
`);
});

try {
  await admission.parseAsync([...flags, "--log-level", "debug", ...process.argv.slice(2)], { from: "user" });
} finally {
  server.close();
  server.closeAllConnections();
}
