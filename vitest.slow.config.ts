import { defineConfig } from "vitest/config";

const INTEGRATIONS = "test/integrations/**/*.slow.test.ts";
const shared = {
  exclude: ["**/node_modules/**", "**/dist/**"],
  testTimeout: 3_600_000,
  hookTimeout: 240_000,
  pool: "forks" as const,
};

/** `npm run test:slow`: fault suites at full length, one after the other. */
export default defineConfig({
  test: {
    maxWorkers: 1,
    projects: [
      { test: { ...shared, name: "own", include: ["**/*.slow.test.ts"], exclude: [...shared.exclude, INTEGRATIONS] } },
      {
        test: {
          ...shared,
          name: "integrations",
          include: [INTEGRATIONS],
          globalSetup: ["test/support/integration-product.ts"],
          // The first file waits for npm (up to ten minutes, test/support/integration-packages.ts), then for the product.
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
