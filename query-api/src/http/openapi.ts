import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import {
  alert,
  alertRule,
  apiError,
  apiKey,
  approval,
  approvalDetail,
  controlState,
  freeMembers,
  kill,
  run,
  runDetail,
  step,
  stepDetail,
  usageRow,
} from "@runledger/contract";
import type { FastifyContextConfig, FastifySchema } from "fastify";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import { MAX_REASON_CHARS, REASON_FIELD } from "../acts/reason.ts";
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
  ApiKey: apiKey,
  Error: apiError,
};

/** `/openapi.json` (3.1) and the reference at `/docs`, both made from the routes' own schemas. */
export async function registerOpenApi({ app }: Feature): Promise<void> {
  const schemaRegistry = z.registry<{ id?: string; type?: "object" }>();
  schemaRegistry.add(freeMembers, { type: "object" });
  for (const [id, schema] of Object.entries(NAMED_SCHEMAS)) schemaRegistry.add(schema, { id });
  const asJsonSchema = createJsonSchemaTransform({ schemaRegistry });
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
    transform: (transformed) => {
      const { schema, url } = asJsonSchema(transformed);
      const config = transformed.route.config ?? {};
      return { schema: withReason(withRole(schema, config), config), url };
    },
    transformObject: createJsonSchemaTransformObject({ schemaRegistry }),
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}

/** Whoever reads of a call reads what it takes to be answered. */
function withRole<Schema extends FastifySchema>(schema: Schema, { role, everyTenant }: FastifyContextConfig): Schema {
  if (role === undefined) return schema;
  const takes = `Takes the role \`${role}\`${everyTenant === true ? ", of every tenant" : ""}.`;
  const description = schema.description === undefined ? takes : `${schema.description}\n\n${takes}`;
  return { ...schema, description, "x-role": role, ...(everyTenant === true ? { "x-every-tenant": true } : {}) };
}

/** Reads and acts of people may say why; what agents send is no such thing. */
function withReason<Schema extends FastifySchema>(schema: Schema, { role }: FastifyContextConfig): Schema {
  if (role === undefined || role === "ingest") return schema;
  const description =
    "Why, for the record that is kept of reads of content and of acts; UTF-8. Without one, reads of content are refused where the server asks for reasons.";
  const headers = {
    type: "object",
    properties: { [REASON_FIELD]: { type: "string", maxLength: MAX_REASON_CHARS, description } },
  };
  return { ...schema, headers };
}
