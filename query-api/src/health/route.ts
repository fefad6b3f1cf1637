import { statePath } from "@runledger/contract";
import { DERIVED_TABLES } from "@runledger/storage";
import { z } from "zod";
import type { Feature } from "../dependencies.ts";

const check = z.enum(["ok", "failed"]);
const readiness = z.object({
  status: check,
  checks: z.object({ clickhouse: check, migrations: check, objects: check }),
});

/** `/healthz`: the process answers. `/readyz`: so do its stores. */
export function registerHealth({ app, dependencies: { rows, objects, logger } }: Feature): void {
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
      const checks = {
        clickhouse: await passes("clickhouse", () => rows.ping()),
        migrations: await passes("migrations", checkTables),
        objects: await passes("objects", () => objects.read(statePath("alerts"))),
      };
      const ok = Object.values(checks).every((result) => result === "ok");
      if (!ok) reply.header("retry-after", 2);
      return await reply.code(ok ? 200 : 503).send({ status: ok ? ("ok" as const) : ("failed" as const), checks });
    },
  );

  async function checkTables(): Promise<void> {
    for (const table of DERIVED_TABLES) await rows.query(`SELECT 1 FROM ${table} LIMIT 0`);
  }

  async function passes(name: string, run: () => Promise<unknown>): Promise<"ok" | "failed"> {
    try {
      await run();
      return "ok";
    } catch (error) {
      logger.warn({ err: error, check: name }, "not ready");
      return "failed";
    }
  }
}
