/** What `curfew dispatch --check` prints. */
import type { DispatchConfig } from "./config/dispatch-config.ts";
import { planAgentJob, type AgentJob } from "./jobs/plan-agent-job.ts";

/**
 * The Job that each template of each queue makes for a made-up Buildkite job, in the
 * configuration's order.
 */
export function describeJobs(config: DispatchConfig): AgentJob[] {
  return config.queues.flatMap((queue) =>
    queue.templates.map((template) =>
      planAgentJob({
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
    ),
  );
}
