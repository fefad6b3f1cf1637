import { createHash, timingSafeEqual } from "node:crypto";
import { DEFAULT_TENANT, type Principal, ROLES, type Role, TENANT_NAME } from "@runledger/contract";
import type { FastifyRequest } from "fastify";
import type { Feature } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What the route asks of who calls it. Every route below /v1 has one; pages and their files take any key. */
    role?: Role;
    /** It tells of all tenants at once: only who may see them all is answered. */
    everyTenant?: boolean;
  }
  interface FastifyRequest {
    /** Who calls. Known from the first hook on; open routes have none. */
    principal: Principal;
  }
}

/** Probes tell nothing about anybody's runs and are asked by machines that hold no key. */
const OPEN_PATHS = new Set(["/healthz", "/readyz"]);
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
/** By which who may see every tenant says which one is meant. */
const TENANT_HEADER = "runledger-tenant";

/** Methods that change nothing, which pages of others may well link to. */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Puts a principal on each request and holds it to the role of its route. Asks for the key where one is set; without one, answers only
 * requests addressed to loopback, so no web page can rebind its name to us.
 */
export function registerAccess({ app, settings }: Feature): void {
  const installation: Omit<Principal, "name"> = {
    keyId: null,
    roles: new Set(ROLES),
    tenant: DEFAULT_TENANT,
    everyTenant: true,
  };
  const expected = settings.apiKey === null ? null : digest(settings.apiKey);
  app.decorateRequest("principal");
  app.addHook("onRoute", ({ url, config }) => {
    if (url.startsWith("/v1/") && config?.role === undefined)
      throw new Error(`${url} does not say which role it asks for`);
  });
  app.addHook("onRequest", async (request) => {
    if (OPEN_PATHS.has(request.routeOptions.url ?? "")) return;
    checkOrigin(request);
    request.principal = withTenant(identify(request), request);
    const { role, everyTenant } = request.routeOptions.config;
    if (role !== undefined && !request.principal.roles.has(role)) throw missingRole(request.principal, role);
    if (everyTenant === true && !request.principal.everyTenant) throw ofEveryTenant(request.principal);
  });

  function identify(request: FastifyRequest): Principal {
    if (expected === null) {
      if (LOOPBACK_HOST.test(request.headers.host ?? "")) return { ...installation, name: "loopback" };
      throw new QueryApiError("permission_denied", "without a key only loopback is served", {
        hint: "open http://127.0.0.1, or set RUNLEDGER_API_KEY",
      });
    }
    const key = keyOf(request.headers.authorization ?? "");
    if (key !== null && timingSafeEqual(digest(key), expected)) return { ...installation, name: "RUNLEDGER_API_KEY" };
    throw new QueryApiError("unauthenticated", "no key, or not the right one", {
      hint: "send Authorization: Bearer <RUNLEDGER_API_KEY>, or Basic with the key as password",
    });
  }
}

/** May it see contents, and what is cut from them: previews, hits of a search in them? */
export function seesContent({ roles }: Principal): boolean {
  return roles.has("investigator");
}

/** A browser sends its user's password with a form of any page; only our own may use it. */
function checkOrigin({ headers: { origin, host = "" }, method }: FastifyRequest): void {
  if (origin === undefined || SAFE_METHODS.has(method)) return;
  const from = URL.canParse(origin) ? new URL(origin).host : "";
  if (from === host || (LOOPBACK_HOST.test(from) && LOOPBACK_HOST.test(host))) return;
  throw new QueryApiError("permission_denied", "pages of another origin may not change anything here");
}

function withTenant(principal: Principal, { headers }: FastifyRequest): Principal {
  const tenant = headers[TENANT_HEADER];
  if (tenant === undefined || tenant === principal.tenant) return principal;
  if (typeof tenant !== "string" || !TENANT_NAME.test(tenant)) {
    throw new QueryApiError(
      "invalid_argument",
      "Runledger-Tenant: 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-', the first a letter or digit",
    );
  }
  if (principal.everyTenant) return { ...principal, tenant };
  throw new QueryApiError("permission_denied", `this key is of tenant ${principal.tenant}`, {
    hint: "leave out the header Runledger-Tenant, or use a key of that tenant",
  });
}

function missingRole({ name, roles }: Principal, role: Role): QueryApiError {
  return new QueryApiError("permission_denied", `this takes the role ${role}; ${name} is ${[...roles].join(", ")}`, {
    hint: `ask an admin for a key with it: runledger keys create --role ${role}`,
  });
}

function ofEveryTenant({ tenant }: Principal): QueryApiError {
  return new QueryApiError("permission_denied", `this tells of every tenant, and the key is of ${tenant} alone`, {
    hint: "ask an admin for a key of all: runledger keys create --tenant '*'",
  });
}

function keyOf(authorization: string): string | null {
  const space = authorization.indexOf(" ");
  const scheme = authorization.slice(0, space).toLowerCase();
  const value = authorization.slice(space + 1);
  if (scheme === "bearer") return value;
  if (scheme !== "basic") return null;
  const pair = Buffer.from(value, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 0 ? null : pair.slice(colon + 1);
}

/** Digests have one length, which is what a comparison in constant time needs. */
function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
