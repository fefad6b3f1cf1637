import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const EXCLUDE = ["**/node_modules/**", "**/dist/**", "**/*.slow.test.ts"];
const INTEGRATIONS = "test/integrations/**/*.test.ts";
/** Change nothing that outlives them: a process takes one such file after the other, and loads our modules once. */
const UNITS = [
  ...["{contract,verify,collector,query-api}/src", "deploy/standalone/src", "storage/src/{access,keys,lock,rows}"],
  ...["sdk/src/{wire,limits,tools,privacy,replay,facts,conversion}", "test/{tamper,directory}"],
].map((folder) => `${folder}/**/*.test.ts`);

// Programs that tests start again and again find their modules compiled: half the time of a start.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("./node_modules/.cache/runledger-tests", import.meta.url));

/** What all suites of `npm test` share. */
const shared = {
  testTimeout: 60_000,
  // A product that starts on a busy machine takes its time.
  hookTimeout: 240_000,
  expect: { poll: { timeout: 15_000 } },
  pool: "forks" as const,
};

/** `npm test`: everything that needs nothing but npm and this machine. Slow suites are in vitest.slow.config.ts. */
export default defineConfig({
  test: {
    // One more than the smallest machine has cores: a fifth of the time is waiting.
    maxWorkers: 3,
    // They come in the order of their names: `packages` when npm has had time to install them, the many short `units` last, so that no core waits for the other.
    projects: [
      {
        test: {
          ...shared,
          name: "own",
          include: [
            "*/src/**/*.test.ts",
            "deploy/standalone/src/**/*.test.ts",
            "dashboards/web/src/**/*.test.{ts,tsx}",
            "test/**/*.test.ts",
          ],
          exclude: [...EXCLUDE, ...UNITS, INTEGRATIONS],
        },
      },
      { test: { ...shared, name: "units", isolate: false, include: UNITS, exclude: EXCLUDE } },
      {
        test: {
          ...shared,
          // Other people's packages, installed when one of these tests is run, and one product for all of them.
          name: "packages",
          include: [INTEGRATIONS],
          exclude: EXCLUDE,
          globalSetup: ["test/support/integration-product.ts"],
          // The first file waits for npm (up to ten minutes, test/support/integration-packages.ts), then for the product.
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
