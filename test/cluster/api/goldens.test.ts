/**
 * The planner's goldens with a real API server, which stores the same for an input as for its
 * golden.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ENABLED_KEY } from "../../../src/injection/names.ts";
import { documentsOf, SITUATIONS } from "../../support/injection/goldens.ts";
import { create, type Answer } from "../support/api.ts";
import type { Job } from "../support/jobs.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("goldens");

interface Golden {
  readonly outcome: string;
  readonly message?: string;
}

/**
 * Those for the server's default options, with Jobs that the API server finds valid and sends to
 * the webhook.
 */
const situations = SITUATIONS.filter(({ options }) => options === undefined)
  .map(({ name, text, goldenFile }) => {
    const [input] = documentsOf(text) as [Job & { readonly kind: string }];
    const [golden, patched] = documentsOf(readFileSync(goldenFile, "utf8")) as [Golden, Job?];
    return { name, input, golden, patched };
  })
  .filter(({ input }) => input.kind === "Job")
  .filter(({ golden }) => !["leave: not-enabled", "leave: opted-out", "refuse: malformed"].includes(golden.outcome));

/** What the API server would store for a Job, without what differs each time. */
async function stored(
  job: Job,
  change: object = {},
): Promise<{ status: number; message: string | undefined; job: unknown }> {
  const metadata = { ...job.metadata, ...change };
  const { status, body } = (await create(namespace, { ...job, metadata }, "?dryRun=All")) as unknown as Answer<Job>;
  if (status >= 300) return { status, message: body.message, job: undefined };
  const annotations = { ...body.metadata.annotations, [ENABLED_KEY]: undefined };
  const text = JSON.stringify({ annotations, template: body.spec.template });
  const { uid, name } = body.metadata;
  return {
    status,
    message: undefined,
    job: JSON.parse(text.replaceAll(uid, "UID").replaceAll(name, "NAME")) as unknown,
  };
}

describe("through a real API server", () => {
  it.each(situations)("$name", async ({ input, golden, patched }) => {
    const answer = await stored(input);
    if (golden.outcome.startsWith("refuse")) {
      // The API server sorts annotations. If there are more problems than a message shows, it may
      // name others than the golden's.
      const shortened = / And \d+ more\.$/.exec(golden.message ?? "")?.[0];
      expect(answer.message).toContain(shortened ?? golden.message);
    } else {
      expect(answer).toMatchObject({ status: 201 });
      // Nobody patches what opts out.
      const optedOut = { [ENABLED_KEY]: "false" };
      const labels = { ...input.metadata.labels, ...optedOut };
      const annotations = { ...(patched ?? input).metadata.annotations, ...optedOut };
      expect(answer.job).toEqual((await stored(patched ?? input, { labels, annotations })).job);
    }
  });
});
