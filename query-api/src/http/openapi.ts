import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import {
  alert,
  alertRule,
  apiError,
  approval,
  approvalDetail,
  controlState,
  kill,
  run,
  runDetail,
  step,
  stepDetail,
  usageRow,
} from "@runledger/contract";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Feature } from "../dependencies.ts";

const NAMED_SCHEMAS = {
  Run: run,
  RunDetail: runDetail,
  Step: step,
  StepDetail: stepDetail,
  UsageRow: usageRow,
  Alert: alert,
  AlertRule: alertRule,
  Kill: kill,
  ControlState: controlState,
  Approval: approval,
  ApprovalDetail: approvalDetail,
  Error: apiError,
};

/** `/openapi.json` (3.1) and the reference at `/docs`, both made from the routes' own schemas. */
export async function registerOpenApi({ app }: Feature): Promise<void> {
  const schemaRegistry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED_SCHEMAS)) schemaRegistry.add(schema, { id });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Runledger query API",
        version: "1",
        description: "Runs, steps with their exact content, usage, alerts, and the audit log with its proofs.",
      },
      components: {
        securitySchemes: { bearer: { type: "http", scheme: "bearer" }, basic: { type: "http", scheme: "basic" } },
      },
      security: [{ bearer: [] }, { basic: [] }, {}],
    },
    transform: createJsonSchemaTransform({ schemaRegistry }),
    transformObject: createJsonSchemaTransformObject({ schemaRegistry }),
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
