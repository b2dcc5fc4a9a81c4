/** The admission server beside the least that a webhook in Node can do, on one core: throughput, latency, memory, start. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { bundle } from "../scripts/bundle.ts";
import { post } from "../test/support/admission.ts";
import { createTestAuthority } from "../test/support/certificates.ts";
import { compare, figureOf, type Bench, type Row } from "./lib/result.ts";
import { reviewWithJobOf } from "./lib/review.ts";
import { startServer, type ServerProcess } from "./lib/server-process.ts";
import { postWithWrk, wrkMissing, type Load } from "./lib/wrk.ts";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const BARE = fileURLToPath(new URL("servers/bare.ts", import.meta.url));

const JOB_BYTES = 4096;
/** After so many reviews memory is looked at. */
const MANY_REVIEWS = 200_000;

export const admission: Bench = {
  summary: "reviews per second on one core, latency, memory and start, beside a bare node:https server",
  async run({ short, note }) {
    const missing = wrkMissing();
    if (missing !== undefined) throw new Error(missing);
    const [rounds, seconds, starts] = short ? [3, 1, 2] : [7, 4, 5];

    const folder = mkdtempSync(join(tmpdir(), "curfew-bench-"));
    const servers: ServerProcess[] = [];
    try {
      await bundle(true);
      const authority = createTestAuthority();
      const { cert, key } = authority.issue();
      const files = {
        cert: join(folder, "tls.crt"),
        key: join(folder, "tls.key"),
        answer: join(folder, "answer.json"),
      };
      writeFileSync(files.cert, cert);
      writeFileSync(files.key, key);
      const review = reviewWithJobOf(JOB_BYTES);

      const startCurfew = (): Promise<ServerProcess> => {
        const args = [
          "--port",
          "0",
          "--ops-port",
          "0",
          "--host",
          "127.0.0.1",
          "--tls-cert",
          files.cert,
          "--tls-key",
          files.key,
        ];
        return startServer([CLI, "admission", ...args], join(folder, "curfew.log"));
      };
      const startTimes: number[] = [];
      for (let count = 0; count < starts; count += 1) {
        const server = await startCurfew();
        startTimes.push(server.startMilliseconds);
        await server.stop();
      }

      const curfew = await startCurfew();
      servers.push(curfew);
      await sleep(1000);
      const atRest = await curfew.residentMiB();
      const { status, body } = await post(review, { port: curfew.port, ca: authority.ca });
      if (status !== 200 || !JSON.stringify(body).includes('"outcome":"patched"')) throw new Error("not patched");
      const answer = JSON.stringify(body);
      writeFileSync(files.answer, answer);
      const bare = await startServer([BARE, files.cert, files.key, files.answer], join(folder, "bare.log"));
      servers.push(bare);
      note(`a review of ${review.length} bytes, an answer of ${answer.length}`);

      let reviews = 0;
      const load = async (server: ServerProcess, connections: number): Promise<Load> => {
        const result = await postWithWrk(server.port, review, connections, seconds);
        if (server === curfew) reviews += result.requests;
        return result;
      };
      const inTurn = async (connections: number): Promise<{ readonly curfew: Load[]; readonly bare: Load[] }> => {
        const results = { curfew: [] as Load[], bare: [] as Load[] };
        await load(curfew, connections);
        await load(bare, connections);
        for (let round = 1; round <= rounds; round += 1) {
          results.curfew.push(await load(curfew, connections));
          results.bare.push(await load(bare, connections));
          note(`round ${round} of ${rounds} with ${connections} connections`);
        }
        return results;
      };
      const sixteen = await inTurn(16);
      const one = await inTurn(1);
      while (!short && reviews < MANY_REVIEWS) await load(curfew, 16);
      const afterMany = await curfew.residentMiB();
      const bareAfter = await bare.residentMiB();

      const against = (values: readonly number[]): { readonly what: string; readonly values: readonly number[] } => ({
        what: "bare node:https",
        values,
      });
      const rows: Row[] = [
        compare(
          { what: "reviews with 16 connections", unit: "req/s", reach: { atLeast: short ? 0.6 : 0.85 } },
          sixteen.curfew.map((result) => result.requestsPerSecond),
          against(sixteen.bare.map((result) => result.requestsPerSecond)),
        ),
        compare(
          { what: "p99 with 16 connections", unit: "ms", reach: { atMost: short ? 6 : 2.5 } },
          sixteen.curfew.map((result) => result.p99Milliseconds),
          against(sixteen.bare.map((result) => result.p99Milliseconds)),
        ),
        compare(
          { what: "p50 with 1 connection", unit: "ms", reach: { atMost: short ? 2 : 1.3 } },
          one.curfew.map((result) => result.p50Milliseconds),
          against(one.bare.map((result) => result.p50Milliseconds)),
        ),
        { what: "start to ready", unit: "ms", curfew: figureOf(startTimes), reach: { atMost: short ? 1000 : 200 } },
        { what: "memory at rest", unit: "MiB", curfew: figureOf([atRest]), reach: { atMost: 65 } },
        {
          what: `memory after ${reviews.toLocaleString("en")} reviews`,
          unit: "MiB",
          curfew: figureOf([afterMany]),
          baseline: { what: "bare node:https", figure: figureOf([bareAfter]) },
          reach: { atMost: 100 },
        },
      ];
      return rows;
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(folder, { recursive: true });
    }
  },
};
