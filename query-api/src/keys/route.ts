import {
  type ApiKeyRequest,
  apiKey,
  apiKeyList,
  apiKeyRequest,
  apiKeyRotation,
  DEFAULT_OVERLAP_SECONDS,
  EVERY_TENANT,
  newApiKey,
  type Principal,
} from "@runledger/contract";
import { type KeyBook, newKeyId, type StoredKey } from "@runledger/storage";
import { z } from "zod";
import { recordAct } from "../acts/record-act.ts";
import type { Feature } from "../dependencies.ts";
import { invalidField, QueryApiError } from "../error.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { unixNanoOf } from "../http/time.ts";
import { mustBeFirst, mustNotBeLast } from "./admin-left.ts";
import { keyView } from "./key-view.ts";

const tags = ["keys"];
const config = { role: "admin" } as const;
const parameters = z.strictObject({ key_id: z.string().max(64) });

/** Keys of the installation; an admin of one tenant sees and changes that tenant's. Each change is on record before it is made. */
export function registerKeys(feature: Feature, keys: KeyBook): void {
  registerList(feature, keys);
  registerCreate(feature, keys);
  registerChanges(feature, keys);
}

function registerList({ app, dependencies: { clock } }: Feature, keys: KeyBook): void {
  app.get(
    "/v1/keys",
    {
      config,
      schema: {
        tags,
        summary: "Keys, without their secrets",
        querystring: z.strictObject({}),
        response: { 200: apiKeyList, ...ERROR_RESPONSES },
      },
    },
    async ({ principal }) => {
      const { keys: all, lastUsedMs } = await keys.keys();
      const items = all.filter((key) => mayManage(principal, key.tenant));
      return {
        items: items.map((key) => keyView(key, { lastUsedMs: lastUsedMs[key.key_id] ?? null, nowMs: clock() })),
      };
    },
  );
}

function registerCreate({ app, dependencies: { acts, clock }, settings }: Feature, keys: KeyBook): void {
  app.post(
    "/v1/keys",
    {
      config,
      schema: {
        tags,
        summary: "Makes a key; its secret is answered this once",
        body: apiKeyRequest.strict(),
        response: { 201: newApiKey, ...ERROR_RESPONSES },
      },
    },
    async (request, reply) => {
      const { principal, body } = request;
      const order = orderOf(body, principal, clock());
      // The installation's own key opens everything anyway; without it, the first key must be able to make others.
      const allow = settings.apiKey === null ? mustBeFirst(order) : undefined;
      allow?.((await keys.keys()).keys);
      const { keyId, name, roles, tenant } = order;
      const target = { key_id: keyId, name, roles, tenant, expires_time: body.expires_time ?? null };
      await recordAct(acts, request, "key.create", target, trailOf(tenant, principal));
      const { key, secret } = await keys.create(order, allow);
      return await reply
        .status(201)
        .header("cache-control", "no-store")
        .send({ key: keyView(key, { lastUsedMs: null, nowMs: clock() }), secret });
    },
  );
}

function registerChanges({ app, dependencies: { acts, clock }, settings }: Feature, keys: KeyBook): void {
  const shape = { tags, params: parameters };
  app.post(
    "/v1/keys/:key_id/rotate",
    {
      config,
      schema: {
        ...shape,
        summary: "Gives a key a new secret; the old one is taken for a while longer",
        body: apiKeyRotation.strict().nullable().describe("none: as by default"),
        response: { 200: newApiKey, ...ERROR_RESPONSES },
      },
    },
    async (request, reply) => {
      const { key_id } = request.params;
      const overlap_seconds = request.body?.overlap_seconds ?? DEFAULT_OVERLAP_SECONDS;
      const { revoked_ms, tenant } = await manageable(request.principal, key_id);
      if (revoked_ms !== null)
        throw new QueryApiError("conflict", "the key was revoked", { hint: "create another one" });
      await recordAct(acts, request, "key.rotate", { key_id, overlap_seconds }, trailOf(tenant, request.principal));
      const made = await keys.rotate(key_id, overlap_seconds * 1_000);
      if (made === null) throw notFound(key_id);
      const view = keyView(made.key, { lastUsedMs: null, nowMs: clock() });
      return await reply.header("cache-control", "no-store").send({ key: view, secret: made.secret });
    },
  );
  app.delete(
    "/v1/keys/:key_id",
    { config, schema: { ...shape, summary: "Revokes a key, for ever", response: { 200: apiKey, ...ERROR_RESPONSES } } },
    async (request) => {
      const { key_id } = request.params;
      const key = await manageable(request.principal, key_id);
      const allow = settings.apiKey === null ? mustNotBeLast(key_id, clock()) : undefined;
      allow?.((await keys.keys()).keys);
      const target = { key_id, name: key.name };
      await recordAct(acts, request, "key.revoke", target, trailOf(key.tenant, request.principal));
      const revoked = await keys.revoke(key_id, allow);
      if (revoked === null) throw notFound(key_id);
      return keyView(revoked, { lastUsedMs: null, nowMs: clock() });
    },
  );

  async function manageable(principal: Principal, keyId: string): Promise<StoredKey> {
    const key = (await keys.keys()).keys.find(({ key_id }) => key_id === keyId);
    if (key && mayManage(principal, key.tenant)) return key;
    throw notFound(keyId);
  }
}

function orderOf({ name, roles, tenant, expires_time }: ApiKeyRequest, principal: Principal, nowMs: number) {
  const ofTenant = tenant ?? principal.tenant;
  if (!mayManage(principal, ofTenant)) {
    throw new QueryApiError("permission_denied", `an admin of tenant ${principal.tenant} makes keys of that tenant`, {
      hint: "leave out `tenant`",
    });
  }
  const expiresMs = expires_time === undefined ? null : Number(BigInt(unixNanoOf(expires_time)) / 1_000_000n);
  if (expiresMs !== null && expiresMs <= nowMs) throw invalidField("expires_time", "is in the past");
  return {
    keyId: newKeyId(),
    name,
    roles: [...new Set(roles)],
    tenant: ofTenant,
    expiresMs,
    createdBy: principal.name,
  };
}

function mayManage({ everyTenant, tenant }: Principal, ofTenant: string): boolean {
  return everyTenant || (ofTenant !== EVERY_TENANT && ofTenant === tenant);
}

/** An act on a key is in the trail of the tenant that the key opens, whoever acts: its auditors look there. */
function trailOf(ofTenant: string, { tenant }: Principal): string {
  return ofTenant === EVERY_TENANT ? tenant : ofTenant;
}

function notFound(keyId: string): QueryApiError {
  return new QueryApiError("not_found", `no key has the id ${keyId}`, { hint: "GET /v1/keys lists them" });
}
