import { z } from "zod";
import { EVERY_TENANT, ROLES, TENANT_NAME } from "../access/principal.ts";
import { apiTime, queryTime } from "./run.ts";

const keyName = z.string().min(1).max(100);
const roles = z.array(z.enum(ROLES)).min(1).max(ROLES.length);
const tenant = z
  .string()
  .refine(
    (text) => text === EVERY_TENANT || TENANT_NAME.test(text),
    "1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'; or * for all",
  );
const MAX_OVERLAP_SECONDS = 30 * 24 * 3_600;
export const DEFAULT_OVERLAP_SECONDS = 24 * 3_600;

export const KEY_STATUSES = ["active", "expired", "revoked"] as const;

/** A key as it may be seen: its secret is shown once, when it is made. */
export const apiKey = z.object({
  key_id: z.string(),
  name: keyName,
  roles,
  tenant: z.string().describe("* for all"),
  status: z.enum(KEY_STATUSES),
  created_time: apiTime,
  created_by: z.string(),
  expires_time: apiTime.nullable().describe("null: never"),
  rotated_time: apiTime.nullable(),
  old_secret_until: apiTime.nullable().describe("until when the secret before the last rotation is still taken"),
  revoked_time: apiTime.nullable(),
  last_used_time: apiTime.nullable().describe("to the hour; null: not seen yet"),
});
export type ApiKey = z.infer<typeof apiKey>;
export const apiKeyList = z.object({ items: z.array(apiKey) });

export const newApiKey = z.object({
  key: apiKey,
  secret: z.string().describe("shown this once: only its hash is kept"),
});
export type NewApiKey = z.infer<typeof newApiKey>;

export const apiKeyRequest = z.object({
  name: keyName.describe("whose it is, and what for"),
  roles,
  tenant: tenant.optional().describe("default: that of who asks"),
  expires_time: queryTime.optional().describe("default: never"),
});
export type ApiKeyRequest = z.infer<typeof apiKeyRequest>;

export const apiKeyRotation = z.object({
  overlap_seconds: z
    .number()
    .int()
    .min(0)
    .max(MAX_OVERLAP_SECONDS)
    .default(DEFAULT_OVERLAP_SECONDS)
    .describe("how long the old secret is still taken"),
});
