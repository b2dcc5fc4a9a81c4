/**
 * Breaks the admission server while reviews are sent without pause: two replicas as processes, and
 * a client that behaves like an API server. Faults of a cluster (its API server, etcd, Pods,
 * Services) are in test/cluster/api/faults.test.ts and test/cluster/node/faults.test.ts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { post } from "../support/admission/admission.ts";
import { CORES } from "../../bench/lib/cores.ts";
import { sendReviews, type ReviewLoadResult } from "./review-load.ts";
import { withReviewServers, type ReviewServers } from "../../bench/lib/review-servers.ts";
import { reviewWithJobOf } from "../../bench/lib/review.ts";
import { startServer, type ServerProcess } from "../../bench/lib/server-process.ts";
import type { SoakProgram } from "./table.ts";

const SILENT_CLIENTS = fileURLToPath(new URL("silent-clients.ts", import.meta.url));
const MEMORY_LIMIT_MIB = 512; // manifests/base/deployment.yaml

interface World {
  /** The replica that gets the fault, and the other one. */
  readonly one: ServerProcess;
  readonly other: ServerProcess;
  /** Takes the first one out of the Service, as its readiness probe would. */
  readonly leaveService: () => void;
  readonly servers: ReviewServers;
  readonly seconds: (count: number) => Promise<void>;
}

interface Fault {
  readonly name: string;
  /** Resolves when it's over, to a text if there's more to report. */
  readonly inflict: (world: World) => Promise<unknown>;
  /** Whether no review may fail. False if the fault itself makes some failures unavoidable. */
  readonly failsNone: boolean;
}

const FAULTS: readonly Fault[] = [
  { name: "none", failsNone: true, inflict: ({ seconds }) => seconds(4) },
  {
    name: "SIGTERM of one of two replicas",
    failsNone: true,
    async inflict({ one, leaveService, seconds }) {
      one.signal("SIGTERM");
      await seconds(1);
      leaveService();
      await one.ended;
    },
  },
  {
    name: "SIGKILL of one of two replicas, which leaves the Service a second later",
    failsNone: false,
    async inflict({ one, leaveService, seconds }) {
      one.signal("SIGKILL");
      await seconds(1);
      leaveService();
      await seconds(3);
    },
  },
  {
    name: "one of two replicas hangs, and leaves the Service four seconds later",
    failsNone: false,
    async inflict({ one, leaveService, seconds }) {
      one.signal("SIGSTOP");
      await seconds(4);
      leaveService();
      await seconds(6);
    },
  },
  {
    name: "10,000 connections that send nothing, to each of two replicas",
    failsNone: true,
    inflict: (world) => besides(world, 10_000, "tcp"),
  },
  {
    name: "1,000 connections that never finish their headers, to each of two replicas",
    failsNone: true,
    inflict: (world) => besides(world, 1_000, "tls"),
  },
  {
    name: "100 bodies of 7 MiB at once, again and again, to one of two replicas",
    failsNone: true,
    async inflict({ one, servers, seconds }) {
      let flooding = true;
      const body = Buffer.alloc(7 * 1024 * 1024, " ");
      const sender = async (): Promise<void> => {
        while (flooding) await post(body, { port: one.port, ca: servers.ca }).catch(() => undefined);
      };
      const flood = Promise.all(Array.from({ length: 100 }, sender));
      await seconds(8);
      flooding = false;
      await flood;
      const peak = await one.peakMiB();
      if (peak > MEMORY_LIMIT_MIB) throw new Error(`${peak} MiB: more than the Pod's limit`);
      return `memory at most ${Math.round(peak)} MiB, of ${MEMORY_LIMIT_MIB}`;
    },
  },
];

export const faults: SoakProgram = {
  summary: "faults under load: failed reviews, Jobs let through unpatched, and the p99 of the others",
  async run({ short, note }) {
    const review = reviewWithJobOf(4096);
    const rows: string[][] = [];
    let failed = false;
    for (const fault of FAULTS) {
      const { result, told } = await withReviewServers(async (servers) => {
        const [one, other] = [await servers.startCurfew(), await servers.startCurfew()];
        let endpoints = [one.port, other.port];
        const load = sendReviews(review, servers.ca, () => endpoints);
        const seconds = (count: number): Promise<void> => sleep(count * (short ? 250 : 1000));
        await seconds(1);
        const leaveService = (): void => {
          endpoints = [other.port];
        };
        const told = await fault.inflict({ one, other, leaveService, servers, seconds });
        await seconds(2);
        return { result: await load.stop(), told };
      });
      failed ||= result.unpatched > 0 || (fault.failsNone && result.failed > 0);
      rows.push(rowOf(typeof told === "string" ? `${fault.name}: ${told}` : fault.name, result));
      note(rows.at(-1)?.join(", ") ?? "");
    }
    const columns = ["fault", "reviews sent", "failed", "let through unpatched", "p99 of the others"];
    return { columns, rows, failed };
  },
};

function rowOf(name: string, { sent, failed, unpatched, p99Ms }: ReviewLoadResult): string[] {
  const counts = [sent, failed, unpatched].map((count) => count.toLocaleString("en"));
  return [name, ...counts, `${p99Ms.toFixed(0)} ms`];
}

/** Runs silent clients beside the load, counted from when all of them are connected. */
async function besides({ one, other, seconds }: World, count: number, kind: "tcp" | "tls"): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "curfew-soak-"));
  const start = ({ port }: ServerProcess, index: number): Promise<ServerProcess> =>
    startServer([SILENT_CLIENTS, String(port), String(count), kind], join(folder, `${index}.log`), CORES.load);
  const clients = await Promise.all([one, other].map(start));
  await seconds(8);
  await Promise.all(clients.map((client) => client.stop()));
  rmSync(folder, { recursive: true });
}
