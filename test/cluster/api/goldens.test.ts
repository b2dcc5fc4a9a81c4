/** The planner's goldens before a real API server: what it makes of an input is what it makes of the golden. */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { MAIN_SCRIPT, SIDECAR_SCRIPT } from "../../../src/injection/wrapper/scripts.generated.ts";
import { create, type Answer } from "../support/api.ts";
import type { Job } from "../support/jobs.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("goldens");
const folder = path.join(import.meta.dirname, "../../unit/injection/golden");
const read = (file: string): string => readFileSync(path.join(folder, file), "utf8");

/**
 * Those for the server's default options, of Jobs that the API server itself finds valid. Where every annotation is invalid the message
 * goes by their order, which the API server changes.
 */
const situations = globSync("*.in.yaml", { cwd: folder })
  .map((file) => file.replace(".in.yaml", ""))
  .filter((situation) => !read(`${situation}.in.yaml`).startsWith("# options:"))
  .filter((situation) => /^kind: Job$/m.test(read(`${situation}.in.yaml`)))
  .filter((situation) => !/^left-(label-is|not-enabled)|malformed|every-annotation/.test(situation))
  .sort();

interface Golden {
  readonly outcome: string;
  readonly message?: string;
}

function documents(file: string): readonly unknown[] {
  const text = read(file)
    .replaceAll("<main.sh>", () => JSON.stringify(MAIN_SCRIPT))
    .replaceAll("<sidecar.sh>", () => JSON.stringify(SIDECAR_SCRIPT));
  return parseAllDocuments(text).map((document) => document.toJS() as unknown);
}

/** What the API server would store of a Job, but for what is another each time. */
async function stored(
  job: Job,
  change: object = {},
): Promise<{ status: number; message: string | undefined; job: unknown }> {
  const metadata = { ...job.metadata, ...change };
  const { status, body } = (await create(namespace, { ...job, metadata }, "?dryRun=All")) as unknown as Answer<Job>;
  if (status >= 300) return { status, message: body.message, job: undefined };
  const text = JSON.stringify({ annotations: body.metadata.annotations, template: body.spec.template });
  const { uid, name } = body.metadata;
  return {
    status,
    message: undefined,
    job: JSON.parse(text.replaceAll(uid, "UID").replaceAll(name, "NAME")) as unknown,
  };
}

describe("through a real API server", () => {
  it.each(situations)("%s", async (situation) => {
    const [input] = documents(`${situation}.in.yaml`) as [Job];
    const [golden, patched] = documents(`${situation}.golden.yaml`) as [Golden, Job?];
    const answer = await stored(input);
    if (golden.outcome.startsWith("refuse")) {
      expect(answer.message).toContain(golden.message);
    } else {
      expect(answer).toMatchObject({ status: 201 });
      // Without the label nobody patches it.
      const labels = { ...input.metadata.labels, "curfew.sh/enabled": "false" };
      expect(answer.job).toEqual((await stored(patched ?? input, { labels })).job);
    }
  });
});
