import { type ApiKey, rfc3339FromUnixNano } from "@runledger/contract";
import { type StoredKey, statusOf } from "@runledger/storage";

/** A key as it may be seen: without its hashes. */
export function keyView(key: StoredKey, { lastUsedMs, nowMs }: { lastUsedMs: number | null; nowMs: number }): ApiKey {
  const { key_id, name, roles, tenant, created_by, old } = key;
  return {
    key_id,
    name,
    roles,
    tenant,
    status: statusOf(key, nowMs),
    created_time: timeOf(key.created_ms),
    created_by,
    expires_time: timeOrNull(key.expires_ms),
    rotated_time: timeOrNull(key.rotated_ms),
    old_secret_until: timeOrNull(old !== null && old.until_ms > nowMs ? old.until_ms : null),
    revoked_time: timeOrNull(key.revoked_ms),
    last_used_time: timeOrNull(lastUsedMs),
  };
}

function timeOrNull(epochMs: number | null): string | null {
  return epochMs === null ? null : timeOf(epochMs);
}

function timeOf(epochMs: number): string {
  return rfc3339FromUnixNano(BigInt(epochMs) * 1_000_000n);
}
