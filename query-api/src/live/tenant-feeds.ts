import type { LiveFeed } from "./feed.ts";

/** A feed for each tenant that somebody listens to: nobody is told of another's. */
export interface TenantFeeds {
  of(tenant: string): LiveFeed;
  /** Open streams, of all tenants. */
  size(): number;
  close(): Promise<void>;
}

export function createTenantFeeds(create: (tenant: string) => LiveFeed): TenantFeeds {
  const feeds = new Map<string, LiveFeed>();
  return {
    of(tenant) {
      forgetIdle(tenant);
      const feed = feeds.get(tenant) ?? create(tenant);
      feeds.set(tenant, feed);
      return feed;
    },
    size: () => [...feeds.values()].reduce((sum, feed) => sum + feed.size(), 0),
    async close() {
      await Promise.all([...feeds.values()].map((feed) => feed.close()));
    },
  };

  /** A feed without streams polls nothing; that it is not kept bounds how many there are. */
  function forgetIdle(except: string): void {
    for (const [tenant, feed] of feeds) if (tenant !== except && feed.size() === 0) feeds.delete(tenant);
  }
}
