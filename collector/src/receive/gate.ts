import { createHash, timingSafeEqual } from "node:crypto";
import { OtlpError } from "../otlp/otlp.ts";

/** Header (HTTP) or metadata (gRPC) in which a key of the whole installation names the tenant it sends for. */
export const TENANT_HEADER = "runledger-tenant";

/** What a request shows, before any byte of its body is read. */
export interface Credentials {
  /** As HTTP has it: `Bearer …` or `Basic …`. */
  authorization: string | null;
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

/** Runledger itself, which names the tenant, and nobody else. */
export function ownGate(ownKey: string): Gate {
  const expected = digest(`Bearer ${ownKey}`);
  return ({ authorization, tenant }) => {
    if (!timingSafeEqual(digest(authorization ?? ""), expected)) {
      throw new OtlpError(
        "unauthenticated",
        "this port is Runledger's own; send to the OTLP ports that it names at its start",
      );
    }
    return { tenant: tenant ?? "default", own: true };
  };
}

/** Digests have one length, which is what a comparison in constant time needs. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
