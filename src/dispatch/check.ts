/** What `curfew dispatch --check` prints. */
import { stringify } from "yaml";
import type { DispatchConfig } from "./config/dispatch-config.ts";
import { planAgentJob, type AgentJob } from "./jobs/plan-agent-job.ts";

/** A Job, and which jobs of Buildkite get it: those of the queue that have these tags. */
export interface CheckedTemplate {
  readonly queue: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly job: AgentJob;
}

/**
 * The Job that each template of each queue makes for a made-up Buildkite job, in the
 * configuration's order.
 */
export function describeJobs(config: DispatchConfig): CheckedTemplate[] {
  return config.queues.flatMap((queue) =>
    queue.templates.map((template) => ({
      queue: queue.name,
      tags: template.tags,
      job: planAgentJob({
        queue,
        template,
        attempt: 1,
        buildkiteJob: {
          id: "00000000-0000-4000-8000-000000000000",
          rules: [`queue=${queue.name}`, ...Object.entries(template.tags).map(([key, value]) => `${key}=${value}`)],
          priority: 0,
          pipeline: "example",
          branch: "main",
          buildUrl: `https://buildkite.com/${config.organization ?? "organization"}/example/builds/1`,
        },
      }),
    })),
  );
}

/**
 * The templates' Jobs for standard output: YAML, or JSON with what `curfew dispatch --check -o json`
 * promises.
 */
export function printCheck(config: DispatchConfig, { json, secrets }: CheckOptions): string {
  const templates = describeJobs(config);
  if (!json) return templates.map(({ job }) => `---\n${stringify(job, { version: "1.1" })}`).join("");
  return `${JSON.stringify({ schemaVersion: 1, secretsRead: secrets, templates }, null, 2)}\n`;
}

export interface CheckOptions {
  readonly json: boolean;
  /** Whether the secrets were read. */
  readonly secrets: boolean;
}

/** One line for people that says what was checked, and what wasn't. */
export function checkSummary(config: DispatchConfig, { secrets }: Pick<CheckOptions, "secrets">): string {
  const { queues, webhook, stacks } = config;
  const templates = queues.reduce((sum, queue) => sum + queue.templates.length, 0);
  const checked = [count(queues.length, "queue"), count(templates, "template")];
  const read = count(webhook.secrets.length + (stacks ? 1 : 0), "secret");
  return secrets
    ? `valid: ${[...checked, read].join(", ")}. Not checked: what the API server and Buildkite say to them.`
    : `valid: ${checked.join(", ")}. Not checked: ${read}, and what the API server and Buildkite say.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
