import { defineConfig } from "vitest/config";

const long = process.env["LONG"] !== undefined;

/** `npm test`: what needs Node and a shell only. The cluster tests have a configuration of their own. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      // What has to wait for a listener or a process may wait long on a busy machine.
      {
        test: {
          name: "http",
          include: ["test/http/**/*.test.ts"],
          testTimeout: 30_000,
          expect: { poll: { timeout: 15_000 } },
        },
      },
      // Processes sleep most of the time, so many at once; in long runs they do not.
      {
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          testTimeout: 60_000,
          maxConcurrency: long ? 6 : 12,
          maxWorkers: long ? 2 : 4,
        },
      },
    ],
  },
});
