/**
 * ingest: sends telemetry · viewer: facts without content · investigator: content too · auditor: exports, the log's own files, verify ·
 * operator: alerts, kill, approvals · admin: keys, and everything else.
 */
export const ROLES = ["ingest", "viewer", "investigator", "auditor", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Addresses that only this machine reaches: there alone is anybody served without a key. */
export const LOOPBACK_HOSTS: readonly string[] = ["127.0.0.1", "::1", "localhost"];

/** The tenant of an installation that has no other. */
export const DEFAULT_TENANT = "default";
/** As the tenant of a key: any of them, and what tells of all at once. */
export const EVERY_TENANT = "*";
/** 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-', the first a letter or digit. */
export const TENANT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Header (HTTP) or metadata (gRPC) by which who may see every tenant says which one is meant. */
export const TENANT_HEADER = "runledger-tenant";

/** Who asks, as its key says. */
export interface Principal {
  /** null: the installation's own key (RUNLEDGER_API_KEY), or none at all on loopback. */
  keyId: string | null;
  /** The key's name, for people. */
  name: string;
  /** What it may do; implied roles are among them. */
  roles: ReadonlySet<Role>;
  /** Whose records it asks for: every query is within this one. */
  tenant: string;
  /** May it name any tenant, and read what holds the records of all, such as the log's own files? */
  everyTenant: boolean;
}

/** Who looks into anything must see the facts around it. */
const IMPLIED: Record<Role, readonly Role[]> = {
  ingest: [],
  viewer: [],
  investigator: ["viewer"],
  auditor: ["viewer"],
  operator: ["viewer"],
  admin: ROLES,
};

/** These roles, and those that they imply, in the order of ROLES. */
export function withImpliedRoles(roles: readonly Role[]): ReadonlySet<Role> {
  const all = new Set(roles.flatMap((role) => [role, ...IMPLIED[role]]));
  return new Set(ROLES.filter((role) => all.has(role)));
}

/** The principal in the tenant that it names (null: in its own); null when it may not, or that is no tenant's name. */
export function inTenant(principal: Principal, named: string | null): Principal | null {
  if (named === null || named === principal.tenant) return principal;
  return principal.everyTenant && TENANT_NAME.test(named) ? { ...principal, tenant: named } : null;
}
