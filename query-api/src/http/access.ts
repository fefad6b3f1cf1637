import { inTenant, LOOPBACK_HOSTS, type Principal, type Role, TENANT_HEADER } from "@runledger/contract";
import { installationPrincipal, type KeyBook, refusalText } from "@runledger/storage";
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
/** Methods that change nothing, which pages of others may well link to. */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);
const FAILURES_A_MINUTE = 30;
const MINUTE_MS = 60_000;

/**
 * Puts a principal on each request and holds it to the role of its route. Asks for a key once there is one; without any, answers only
 * requests addressed to loopback, so no web page can rebind its name to us.
 */
export function registerAccess({ app, settings }: Feature, keys: KeyBook): void {
  if (!keys.isEnforced() && !LOOPBACK_HOSTS.includes(settings.host)) {
    throw new QueryApiError("invalid_argument", `there is no key, so only loopback is served, not ${settings.host}`, {
      hint: "set RUNLEDGER_API_KEY, or start on 127.0.0.1 and make one: runledger keys create",
    });
  }
  // A right key is never held up by others' guesses: only failures are counted, and told to come later.
  const countFailure = app.createRateLimit({ max: FAILURES_A_MINUTE, timeWindow: MINUTE_MS });
  app.decorateRequest("principal");
  app.addHook("onRoute", ({ url, config }) => {
    if (url.startsWith("/v1/") && config?.role === undefined) {
      throw new Error(`${url} does not say which role it asks for`);
    }
  });
  app.addHook("onRequest", async (request) => {
    if (OPEN_PATHS.has(request.routeOptions.url ?? "")) return;
    checkOrigin(request);
    request.principal = withTenant(await identify(request), request);
    const { role, everyTenant } = request.routeOptions.config;
    if (role !== undefined && !request.principal.roles.has(role)) throw missingRole(request.principal, role);
    if (everyTenant === true && !request.principal.everyTenant) throw ofEveryTenant(request.principal);
  });

  async function identify(request: FastifyRequest): Promise<Principal> {
    if (!keys.isEnforced()) {
      if (LOOPBACK_HOST.test(request.headers.host ?? "")) return installationPrincipal("loopback");
      throw new QueryApiError("permission_denied", "without a key only loopback is served", {
        hint: "open http://127.0.0.1, or set RUNLEDGER_API_KEY",
      });
    }
    const sought = keys.identify(request.headers.authorization ?? null);
    if ("principal" in sought) return sought.principal;
    // A browser asks first without a key: that is no guess.
    if (sought.refused !== "missing") {
      const failures = await countFailure(request);
      if (!failures.isAllowed && failures.isExceeded) {
        throw new QueryApiError("rate_limited", "too many wrong keys from this address", { hint: "wait a minute" });
      }
    }
    throw refusal(sought.refused);
  }
}

/** For what is answered long after its request was let in. @throws QueryApiError `unauthenticated`. */
export function mustStillBeTaken(keys: KeyBook, { headers }: FastifyRequest): void {
  if (!keys.isEnforced()) return;
  const sought = keys.identify(headers.authorization ?? null);
  if ("refused" in sought) throw refusal(sought.refused);
}

function refusal(refused: Parameters<typeof refusalText>[0]): QueryApiError {
  const { message, hint } = refusalText(refused);
  return new QueryApiError("unauthenticated", message, { hint });
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
  const named = headers[TENANT_HEADER];
  const within = inTenant(principal, typeof named === "string" ? named : null);
  if (within !== null) return within;
  if (principal.everyTenant) {
    const form = "1 to 64 of A-Z, a-z, 0-9, '.', '_', '-', the first a letter or digit";
    throw new QueryApiError("invalid_argument", `Runledger-Tenant: ${form}`);
  }
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
