/** On whose behalf an agent acts. */
export interface Principal {
  id: string;
  /** As tools ask for them; `*` is all, `refunds:*` all that begin so. */
  permissions: readonly string[];
  /** Of a sub-agent that has a principal of its own: its caller's. Made by `wrap`. */
  onBehalfOf?: Principal | undefined;
}

export function mayUse({ permissions }: Principal, wanted: string): boolean {
  return permissions.some((held) => (held.endsWith("*") ? wanted.startsWith(held.slice(0, -1)) : held === wanted));
}

/** What both may: a sub-agent never has more than the one that called it. */
export function narrowed(own: Principal | undefined, caller: Principal | undefined): Principal | undefined {
  if (own === undefined || caller === undefined) return undefined;
  const both = [
    ...own.permissions.filter((permission) => mayUse(caller, permission)),
    ...caller.permissions.filter((permission) => mayUse(own, permission)),
  ];
  return { id: own.id, permissions: [...new Set(both)], onBehalfOf: caller };
}
