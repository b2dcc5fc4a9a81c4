/**
 * The API server never refuses what Curfew patches in: a sample of generated Jobs, with the label
 * and without it.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { GeneratedContainer } from "../../support/injection/arbitrary-container.ts";
import { arbitraryJob, type GeneratedJob } from "../../support/injection/arbitrary-job.ts";
import { seed } from "../../support/random.ts";
import { create, type Answer } from "../support/api.ts";
import { testNamespace } from "../support/namespace.ts";

const namespace = testNamespace("fuzz");
const JOBS = Number(process.env["RUNS"] ?? 400);
const AT_ONCE = 8;

it("if the API server accepts a Job without the label, it accepts it with the label, or Curfew says why not", async () => {
  const jobs = fc.sample(arbitraryJob, { numRuns: JOBS, seed }).map(mended);
  const counts = { patched: 0, "refused by Curfew": 0, "refused without the label": 0 };
  const wrong: unknown[] = [];
  const judge = async (): Promise<void> => {
    for (let generated = jobs.pop(); generated !== undefined; generated = jobs.pop()) {
      const plain = await tryOut(generated, {});
      if (plain.status !== 201) {
        counts["refused without the label"] += 1;
        continue;
      }
      const { status, body } = await tryOut(generated, { "curfew.sh/enabled": "true" });
      if (status === 201 && JSON.stringify(body.metadata).includes('"curfew.sh/injected"')) counts.patched += 1;
      else if (status === 422 && body.message?.includes('curfew.sh" denied the request: '))
        counts["refused by Curfew"] += 1;
      else wrong.push({ status, message: body.message, generated });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, judge));
  console.log(`seed ${seed}: ${JSON.stringify(counts)}`);
  expect(wrong).toEqual([]);
  expect(counts.patched).toBeGreaterThan(JOBS / 10);
});

/** Removes what the API server refuses in most of the generated Jobs, whatever Curfew does. */
function mended({ metadata, spec }: GeneratedJob): GeneratedJob {
  const { template } = spec;
  const { containers, initContainers, ...podSpec } = template.spec;
  return {
    metadata: { ...metadata, annotations: withoutOddKeys(metadata.annotations) },
    spec: {
      ...spec,
      template: {
        ...template,
        metadata: { annotations: withoutOddKeys(template.metadata?.annotations) },
        spec: {
          ...podSpec,
          ...(spec.podFailurePolicy && { restartPolicy: "Never" }),
          containers: containers.map(mendedContainer),
          initContainers: (initContainers ?? []).map((container) =>
            container.restartPolicy === "Always" ? mendedContainer(container) : simple(container),
          ),
        },
      },
    },
  };
}

function withoutOddKeys(annotations: Readonly<Record<string, string>> | null | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => !key.includes("~")));
}

function mendedContainer(container: GeneratedContainer): GeneratedContainer {
  const { lifecycle, restartPolicyRules, ...rest } = container;
  return {
    ...rest,
    image: rest.image === "" ? "alpine" : (rest.image ?? "alpine"),
    ...(JSON.stringify(lifecycle ?? {}).includes("exec") && { lifecycle }),
    ...(restartPolicyRules != null && { restartPolicyRules, restartPolicy: rest.restartPolicy ?? "Never" }),
  };
}

/** An init container that runs to its end has neither probes nor hooks. */
function simple({ name, image = null, command = null, args = null }: GeneratedContainer): GeneratedContainer {
  return mendedContainer({ name, image, command, args });
}

async function tryOut({ metadata, spec }: GeneratedJob, labels: Readonly<Record<string, string>>): Promise<Answer> {
  const job = { apiVersion: "batch/v1", kind: "Job", metadata: { ...metadata, name: "generated", labels }, spec };
  return create(namespace, job, "?dryRun=All");
}
