import { createHash, timingSafeEqual } from "node:crypto";
import type { Feature } from "../dependencies.ts";
import { QueryApiError } from "../error.ts";

/** Probes tell nothing about anybody's runs and are asked by machines that hold no key. */
const OPEN_PATHS = new Set(["/healthz", "/readyz"]);
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/** Methods that change nothing, which pages of others may well link to. */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Asks for the key where one is set; without one, answers only requests addressed to loopback, so no web page can rebind its name to us. */
export function registerAccess({ app, settings }: Feature): void {
  const expected = settings.apiKey === null ? null : digest(settings.apiKey);
  app.addHook("onRequest", async (request) => {
    if (OPEN_PATHS.has(request.routeOptions.url ?? "")) return;
    const { origin, host = "" } = request.headers;
    if (origin !== undefined && !SAFE_METHODS.has(request.method) && !isOwn(origin, host)) {
      throw new QueryApiError("permission_denied", "pages of another origin may not change anything here");
    }
    if (expected === null) {
      if (LOOPBACK_HOST.test(host)) return;
      throw new QueryApiError("permission_denied", "without a key only loopback is served", {
        hint: "open http://127.0.0.1, or set RUNLEDGER_API_KEY",
      });
    }
    const key = keyOf(request.headers.authorization ?? "");
    if (key === null || !timingSafeEqual(digest(key), expected)) {
      throw new QueryApiError("unauthenticated", "no key, or not the right one", {
        hint: "send Authorization: Bearer <RUNLEDGER_API_KEY>, or Basic with the key as password",
      });
    }
  });
}

/** A browser sends its user's password with a form of any page; only our own may use it. */
function isOwn(origin: string, host: string): boolean {
  const from = URL.canParse(origin) ? new URL(origin).host : "";
  return from === host || (LOOPBACK_HOST.test(from) && LOOPBACK_HOST.test(host));
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
