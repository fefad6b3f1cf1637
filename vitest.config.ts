import { defineConfig } from "vitest/config";

/** `npm test`: everything that needs nothing but npm and this machine. Slow suites are in vitest.slow.config.ts. */
export default defineConfig({
  test: {
    include: [
      "*/src/**/*.test.ts",
      "deploy/standalone/src/**/*.test.ts",
      "dashboards/web/src/**/*.test.{ts,tsx}",
      "test/**/*.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/dist/**", "**/*.slow.test.ts"],
    globalSetup: ["test/support/integration-packages.ts"],
    testTimeout: 60_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 15_000 } },
    pool: "forks",
    maxWorkers: 2,
  },
});
