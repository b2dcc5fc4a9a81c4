import { expect, test } from "vitest";
import type { BuildkiteJob } from "../../../../src/dispatch/buildkite/job.ts";
import type { ListPage } from "../../../../src/dispatch/buildkite/stacks-api.ts";
import { StacksError } from "../../../../src/dispatch/buildkite/stacks-error.ts";
import { WaitingJobs } from "../../../../src/dispatch/queue/waiting-jobs.ts";

/** Pages by their cursors, of which the first one is "". An error instead of a page is thrown. */
type Pages = Record<string, ListPage | Error>;

function jobOf(id: string): BuildkiteJob {
  return { id, rules: ["queue=kubernetes"], priority: 0, pipeline: "web" };
}

function page(ids: readonly string[], next?: string, paused = false): ListPage {
  return { buildkiteJobs: ids.map(jobOf), paused, next };
}

function waitingJobsOf(pages: Pages) {
  const asked: string[] = [];
  const warnings: string[] = [];
  const limited = {
    warn: (_cause: string, _fields: object, message: string) => void warnings.push(message),
    error: () => undefined,
  };
  const waitingJobs = new WaitingJobs(
    { limited },
    {
      listPage: (after = "") => {
        asked.push(after);
        const answer = pages[after] ?? new Error(`no page ${after}`);
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
    },
  );
  const ids = (): string[] => waitingJobs.jobs().map(({ id }) => id);
  return { waitingJobs, ids, asked, warnings };
}

const tooBusy = (): StacksError => new StacksError("GET /x", 429);

test("the first time, it reads all pages before anything is planned, whatever the budget", async () => {
  const { waitingJobs, ids } = waitingJobsOf({ "": page(["a", "b"], "1"), "1": page(["c"], "2"), "2": page(["d"]) });
  await waitingJobs.read(0);
  expect(ids()).toEqual(["a", "b", "c", "d"]);
  expect(waitingJobs.complete).toBe(true);
});

test("then it reads on from where it stopped, at least a page each time, and starts over at the end", async () => {
  const { waitingJobs, asked } = waitingJobsOf({ "": page(["a"], "1"), "1": page(["b"], "2"), "2": page(["c"]) });
  await waitingJobs.read(0);
  asked.length = 0;
  for (let pass = 0; pass < 4; pass++) await waitingJobs.read(0);
  expect(asked).toEqual(["", "1", "2", ""]);
});

test("keeps what it has read if a later page fails, says so, and reads on from there", async () => {
  const pages: Pages = { "": page(["a"], "1"), "1": tooBusy() };
  const { waitingJobs, ids, asked, warnings } = waitingJobsOf(pages);
  await waitingJobs.read(1000);
  expect(ids()).toEqual(["a"]);
  expect(waitingJobs.complete).toBe(false);
  expect(warnings).toEqual(["could not list all waiting jobs"]);
  pages["1"] = page(["b"]);
  await waitingJobs.read(1000);
  expect(asked).toEqual(["", "1", "1"]);
  expect(ids()).toEqual(["a", "b"]);
});

test("fails only if it can't read a single page, and keeps what it knows even then", async () => {
  const pages: Pages = { "": page(["a"]) };
  const { waitingJobs, ids } = waitingJobsOf(pages);
  await waitingJobs.read(1000);
  pages[""] = tooBusy();
  await expect(waitingJobs.read(1000)).rejects.toThrow("HTTP 429");
  expect(ids()).toEqual(["a"]);
});

test("starts over if Buildkite doesn't know the cursor any more", async () => {
  const pages: Pages = { "": page(["a"], "1"), "1": new StacksError("GET /x", 422) };
  const { waitingJobs, asked } = waitingJobsOf(pages);
  await waitingJobs.read(1000);
  await waitingJobs.read(1000);
  expect(asked).toEqual(["", "1", "", "1"]);
});

test("drops jobs that a whole round hasn't listed, and not before", async () => {
  const pages: Pages = { "": page(["a", "b"], "1"), "1": page(["c", "d"]) };
  const { waitingJobs, ids } = waitingJobsOf(pages);
  await waitingJobs.read(0);
  pages[""] = page(["b"], "1");
  pages["1"] = page(["c"]);
  await waitingJobs.read(0);
  expect(ids()).toEqual(["a", "b", "c", "d"]);
  await waitingJobs.read(0);
  expect(ids()).toEqual(["b", "c"]);
});

test("forgets a job until it's listed again", async () => {
  const { waitingJobs, ids } = waitingJobsOf({ "": page(["a", "b"]) });
  await waitingJobs.read(0);
  waitingJobs.forget("a");
  expect(ids()).toEqual(["b"]);
  await waitingJobs.read(0);
  expect(ids().toSorted()).toEqual(["a", "b"]);
});

test("knows whether the queue is paused from the page that was read last", async () => {
  const pages: Pages = { "": page([], undefined, true) };
  const { waitingJobs } = waitingJobsOf(pages);
  await waitingJobs.read(0);
  expect(waitingJobs.paused).toBe(true);
  pages[""] = page([]);
  await waitingJobs.read(0);
  expect(waitingJobs.paused).toBe(false);
});

test("keeps strings that many jobs share only once", async () => {
  const { waitingJobs } = waitingJobsOf({ "": page(["a", "b"]) });
  await waitingJobs.read(0);
  const [first, second] = waitingJobs.jobs();
  expect(first?.rules).toBe(second?.rules);
});

test("a process that ends doesn't read a long list to its end", async () => {
  const { waitingJobs, asked } = waitingJobsOf({ "": page(["a"], "1"), 1: page(["b"], "2"), 2: page(["c"]) });
  await waitingJobs.read(60_000, AbortSignal.abort());
  expect(asked).toEqual([""]);
});
