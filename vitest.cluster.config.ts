import { defineConfig } from "vitest/config";

const FAULTS = "test/cluster/node/faults.test.ts";
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
          globalSetup: "test/cluster/support/local-webhook.ts",
          fileParallelism: false, // the webhook configuration is the cluster's, and some tests change it
        },
      },
      {
        test: {
          ...node,
          name: "node",
          include: ["test/cluster/node/**/*.test.ts"],
          exclude: [FAULTS],
          maxConcurrency: 30, // Jobs wait more than they work
          sequence: { groupOrder: 1 }, // its own, or it came last where it runs file by file
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
    ],
  },
});
