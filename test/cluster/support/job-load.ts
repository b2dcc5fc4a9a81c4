/** Labelled Jobs created without pause while something breaks, and what became of each. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { accepted, create, pathOf, request, type KubernetesObject } from "./api.ts";
import { job, politeSidecar, script } from "./manifests.ts";

export interface JobLoad {
  /** How many Jobs were answered with 201 so far. */
  readonly created: () => number;
  /** Ends the load, and compares the existing Jobs with the answers. */
  readonly stop: () => Promise<JobLoadResult>;
}

export interface JobLoadResult {
  readonly sent: number;
  readonly created: number;
  /** Why Jobs weren't created: the API server's messages, or why there was no answer. */
  readonly failures: readonly string[];
  /** Answered with 201, but don't exist. */
  readonly lost: readonly string[];
  /** Exist without Curfew's patch, whatever the answer was. */
  readonly unpatched: readonly string[];
}

const CREATORS = 4;
const PAUSE_MS = 50;

/**
 * Creates Jobs under unique names, by four creators at once. The Jobs are suspended, so they cost
 * the node nothing. Each creator pauses for `pauseMs` after each Job.
 */
export function createJobs(namespace: string, pauseMs = PAUSE_MS): JobLoad {
  const prefix = `load-${randomBytes(3).toString("hex")}`;
  let sent = 0;
  let running = true;
  const created: string[] = [];
  const failures: string[] = [];
  const creator = async (): Promise<void> => {
    while (running) {
      const name = `${prefix}-${sent++}`;
      const containers = [script("main", "true"), politeSidecar()];
      const manifest = job(name, containers, { annotations: { "curfew.sh/main": "main" }, spec: { suspend: true } });
      const answer = await create(namespace, manifest).catch((error: unknown) => String(error));
      if (typeof answer === "string") failures.push(answer);
      else if (answer.status === 201) created.push(name);
      else failures.push(answer.body.message ?? String(answer.status));
      await sleep(pauseMs);
    }
  };
  const done = Promise.all(Array.from({ length: CREATORS }, creator));
  return {
    created: () => created.length,
    async stop() {
      running = false;
      await done;
      const { items } = accepted(await request<{ items: KubernetesObject[] }>("GET", pathOf("Job", namespace)));
      const ours = items.filter(({ metadata }) => metadata.name.startsWith(`${prefix}-`));
      const there = new Map(ours.map(({ metadata }) => [metadata.name, metadata]));
      const isPatched = ({ annotations }: KubernetesObject["metadata"]): boolean =>
        (annotations as Record<string, string> | undefined)?.["curfew.sh/injected"] === "trap";
      return {
        sent,
        created: created.length,
        failures,
        lost: created.filter((name) => !there.has(name)),
        unpatched: [...there.values()].filter((metadata) => !isPatched(metadata)).map(({ name }) => name),
      };
    },
  };
}

/** One line for the log, and for the table in docs/operations.md. */
export function describeLoad(fault: string, { sent, failures, lost, unpatched }: JobLoadResult): string {
  const kinds = new Set(failures.map((failure) => failure.slice(0, 200)));
  return (
    `${fault}: ${sent} Jobs sent, ${failures.length} refused, ${lost.length} lost, ${unpatched.length} not patched\n` +
    [...kinds].map((kind) => `  ${kind}\n`).join("")
  );
}
