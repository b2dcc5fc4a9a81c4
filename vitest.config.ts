import { defineConfig } from "vitest/config";

/** `npm test`: what needs Node and a shell only. The cluster tests have a configuration of their own. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      { test: { name: "http", include: ["test/http/**/*.test.ts"] } },
      { test: { name: "process", include: ["test/process/**/*.test.ts"], testTimeout: 60_000 } },
    ],
  },
});
