import { stringify } from "yaml";
import type { DispatchConfig } from "../../../src/dispatch/config/dispatch-config.ts";
import { parseConfig } from "../../../src/dispatch/config/parse-config.ts";

export const SECRET = "the webhook's token";

/**
 * A configuration with the values that every test has. `queue` goes into the only queue, `file`
 * next to it.
 */
export function testConfig(queue: Record<string, unknown> = {}, file: Record<string, unknown> = {}): DispatchConfig {
  const { webhook, ...rest } = file as { webhook?: object };
  const values = {
    organization: "acme",
    webhook: { secrets: [{ env: "SECRET" }], requestBudgetSeconds: 20, ...webhook },
    queues: [{ name: "kubernetes", default: true, ...queue }],
    ...rest,
  };
  const outside = {
    env: { SECRET, AGENT_TOKEN: "bkct_fake" },
    readFile: (path: string): string => {
      throw new Error(`no file ${path} in this test`);
    },
  };
  const parsed = parseConfig(stringify(values), outside);
  if (parsed.kind === "invalid") throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}
