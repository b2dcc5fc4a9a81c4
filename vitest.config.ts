import path from "node:path";
import { defineConfig } from "vitest/config";

// Hundreds of processes of Curfew's own are started: half of what that takes is compiling the same modules again.
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/compiled");
const long = process.env["LONG"] !== undefined;
const poll = { timeout: 15_000, interval: 20 };

/** `npm test`: what needs Node and a shell only. The cluster tests have a configuration of their own. */
export default defineConfig({
  test: {
    update: "none", // only `npm run golden` writes goldens
    maxWorkers: long ? 2 : 4, // more than cores: most of them wait for processes and listeners
    projects: [
      // Nothing here is timed: what is right may take long on a busy machine.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 30_000, expect: { poll } } },
      { test: { name: "http", include: ["test/http/**/*.test.ts"], testTimeout: 30_000, expect: { poll } } },
      // It takes longest, and projects start in the order of their names.
      ...(long
        ? [
            {
              test: {
                name: "http-scale",
                include: ["test/http/**/scale.test.ts"],
                testTimeout: 30_000,
                expect: { poll },
              },
            },
          ]
        : []),
      // Processes sleep most of the time, so many at once; in long runs they do not.
      {
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          // A long run has nothing to add to these.
          exclude: long ? ["test/process/{cli,completion,demo,help,offline-input,smoke}.test.ts"] : [],
          testTimeout: 60_000,
          maxConcurrency: long ? 6 : 12,
          expect: { poll },
        },
      },
    ],
  },
});
