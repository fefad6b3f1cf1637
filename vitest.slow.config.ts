import { defineConfig } from "vitest/config";

/** `npm run test:slow`: fault suites at full length, one after the other. */
export default defineConfig({
  test: {
    include: ["**/*.slow.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    testTimeout: 3_600_000,
    hookTimeout: 240_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
