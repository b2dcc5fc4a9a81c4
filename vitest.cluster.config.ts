import path from "node:path";
import { defineConfig } from "vitest/config";

// As for `npm test`: Curfew's processes start in half the time.
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/compiled");
const FAULTS = "test/cluster/node/faults.test.ts";
const CHART = "test/cluster/node/chart.test.ts";
/** These need nothing of the API tier's Curfew, and change nothing but what they have made. */
const APART = ["agent-tokens", "cert-manager", "dispatch-chaos", "dispatch-limits", "release", "workflows"].map(
  (name) => `test/cluster/api/${name}.test.ts`,
);
// A test that needs more gives a poll more.
const expect = { poll: { timeout: 75_000, interval: 200 } };
const timeouts = { testTimeout: 240_000, hookTimeout: 240_000, expect };
const node = { ...timeouts, globalSetup: "test/cluster/support/installed-webhook.ts" };

/** `npm run test:cluster`: what needs a real API server (api) or a real kubelet too (node). CONTRIBUTING.md says how to run it. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...timeouts,
          name: "api",
          include: ["test/cluster/api/**/*.test.ts"],
          exclude: APART,
          globalSetup: "test/cluster/support/local-webhook.ts",
          fileParallelism: false, // the webhook configuration is the cluster's, and some tests change it
        },
      },
      {
        test: {
          ...timeouts,
          name: "api-apart",
          include: APART,
          maxWorkers: 3, // they wait more than they work
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...node,
          name: "node",
          include: ["test/cluster/node/**/*.test.ts"],
          exclude: [FAULTS, CHART],
          // Jobs wait more than they work.
          maxWorkers: 3,
          maxConcurrency: 30,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...node,
          name: "node-faults",
          include: [FAULTS],
          sequence: { groupOrder: 2 }, // after all others: it breaks what they need
        },
      },
      {
        test: {
          ...node,
          name: "node-chart",
          include: [CHART],
          sequence: { groupOrder: 3 }, // it removes what the others need
        },
      },
    ],
  },
});
