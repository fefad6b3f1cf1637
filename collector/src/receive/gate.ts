import { createHash, timingSafeEqual } from "node:crypto";
import { DEFAULT_TENANT, inTenant, LOOPBACK_HOSTS } from "@runledger/contract";
import { installationPrincipal, type KeyBook, openKeyBook, openObjects, refusalText } from "@runledger/storage";
import { OtlpError } from "../otlp/otlp.ts";

/** What a request shows, before any byte of its body is read. */
export interface Credentials {
  /** As HTTP has it: `Bearer …` or `Basic …`. */
  authorization: string | null;
  /** The tenant that it is sent for, as a key of every tenant may name it. */
  tenant: string | null;
}

export interface Sender {
  tenant: string;
  /** It is Runledger itself, which may send acts. */
  own?: true;
}

/** Who sends, as the credentials say. @throws OtlpError `unauthenticated`, `permission_denied`. */
export type Gate = (credentials: Credentials) => Sender;

/** Everybody, as of one tenant. */
export function openGate(tenant: string): Gate {
  return () => ({ tenant });
}

/** Who has a key with the role `ingest`, for the key's tenant; everybody while there are no keys. */
export function keyGate(keys: Pick<KeyBook, "identify" | "isEnforced">): Gate {
  return ({ authorization, tenant }) => {
    const sought = keys.isEnforced() ? keys.identify(authorization) : { principal: installationPrincipal("loopback") };
    if ("refused" in sought) {
      const { message, hint } = refusalText(sought.refused);
      throw new OtlpError("unauthenticated", `${message}; ${hint}`);
    }
    const { principal } = sought;
    if (!principal.roles.has("ingest")) {
      const roles = [...principal.roles].join(", ");
      throw new OtlpError("permission_denied", `sending takes the role ingest; ${principal.name} is ${roles}`);
    }
    const within = inTenant(principal, tenant);
    if (within !== null) return { tenant: within.tenant };
    const why = principal.everyTenant ? "that is no tenant's name" : `this key is of tenant ${principal.tenant}`;
    throw new OtlpError("permission_denied", `runledger-tenant: ${why}`);
  };
}

/** Runledger itself, which names the tenant, and nobody else. */
export function ownGate(ownKey: string): Gate {
  const expected = digest(`Bearer ${ownKey}`);
  return ({ authorization, tenant }) => {
    if (!timingSafeEqual(digest(authorization ?? ""), expected)) {
      const message = "this port is Runledger's own; send to the OTLP ports that it names at its start";
      throw new OtlpError("unauthenticated", message);
    }
    return { tenant: tenant ?? DEFAULT_TENANT, own: true };
  };
}

/** The keys that senders show. @throws Error when there are none and others than this machine could send. */
export async function openSenderKeys(
  settings: { objects: string; apiKey: string | null; host: string },
  warn: (message: string, details: object) => void,
): Promise<KeyBook> {
  const objects = await openObjects(settings.objects, { warn });
  const keys = await openKeyBook(objects, {
    installationKey: settings.apiKey,
    clock: Date.now,
    onError: (error) => warn("keys: the store is away; those known are still taken", { err: error }),
  });
  if (keys.isEnforced() || LOOPBACK_HOSTS.includes(settings.host)) return keys;
  await keys.close();
  throw new Error(
    `there is no key, so OTLP is taken on loopback only, not on ${settings.host}: set RUNLEDGER_API_KEY, or start on 127.0.0.1 and make one (runledger keys create)`,
  );
}

/** Digests have one length, which is what a comparison in constant time needs. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
