import { statePath } from "@runledger/contract";
import { DERIVED_TABLES } from "@runledger/storage";
import { z } from "zod";
import type { Feature } from "../dependencies.ts";

const CHECK_TIMEOUT_MS = 2_000;
const check = z.enum(["ok", "failed"]);
const readiness = z.object({
  status: check,
  checks: z.object({ clickhouse: check, migrations: check, objects: check }),
  troubles: z.array(z.string()),
  warnings: z.array(z.string()).describe("what should be mended, though all goes on"),
});

/** `/healthz`: the process answers. `/readyz`: so do its stores. */
export function registerHealth({
  app,
  dependencies: { rows, objects, logger, troubles = async () => [], warnings = async () => [] },
}: Feature): void {
  app.get(
    "/healthz",
    {
      config: { rateLimit: false },
      schema: { tags: ["health"], summary: "Live", response: { 200: z.object({ status: z.literal("ok") }) } },
    },
    async () => ({ status: "ok" as const }),
  );
  app.get(
    "/readyz",
    {
      config: { rateLimit: false },
      schema: { tags: ["health"], summary: "Ready to answer", response: { 200: readiness, 503: readiness } },
    },
    async (_request, reply) => {
      const [clickhouse, migrations, store, found, warned] = await Promise.all([
        passes("clickhouse", () => rows.ping()),
        passes("migrations", checkTables),
        passes("objects", () => objects.read(statePath("alerts"))),
        listed(troubles),
        listed(warnings),
      ]);
      const checks = { clickhouse, migrations, objects: store };
      const ok = Object.values(checks).every((result) => result === "ok") && found.length === 0;
      if (!ok) reply.header("retry-after", 2);
      return await reply
        .code(ok ? 200 : 503)
        .send({ status: ok ? ("ok" as const) : ("failed" as const), checks, troubles: found, warnings: warned });
    },
  );

  async function checkTables(): Promise<void> {
    for (const table of DERIVED_TABLES) await rows.query(`SELECT 1 FROM ${table} LIMIT 0`);
  }

  async function listed(list: () => Promise<string[]>): Promise<string[]> {
    try {
      return await withinLimit(list());
    } catch (error) {
      logger.warn({ err: error }, "not ready");
      return ["what else is wrong can't be told"];
    }
  }

  async function passes(name: string, run: () => Promise<unknown>): Promise<"ok" | "failed"> {
    try {
      await withinLimit(run());
      return "ok";
    } catch (error) {
      logger.warn({ err: error, check: name }, "not ready");
      return "failed";
    }
  }
}

/** @throws when it takes longer than CHECK_TIMEOUT_MS: who probes wants an answer, also when a store hangs. */
async function withinLimit<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
