import { statePath } from "@runledger/contract";
import { z } from "zod";
import type { Objects } from "../objects/objects.ts";
import { createStateDocument } from "../state/state-document.ts";

const HOUR_MS = 3_600_000;
const WRITE_EVERY_MS = 30_000;
/** Many times the keys that there can be: of keys that were revoked long ago nobody asks. */
const MAX_USES = 10_000;
const uses = z.record(z.string(), z.number().int());

/** When keys were used last, to the hour: enough to find those that nobody needs, and a write an hour and key at most. */
export interface KeyUse {
  note(keyId: string): void;
  /** Epoch ms by key id. */
  read(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** A crash loses what was noted in the last half minute. */
export function createKeyUse(objects: Objects, clock: () => number, onError: (error: unknown) => void): KeyUse {
  const document = createStateDocument(objects, statePath("key-use"), uses, {});
  const written = new Map<string, number>();
  const noted = new Map<string, number>();
  const timer = setInterval(() => void write().catch(onError), WRITE_EVERY_MS).unref();

  return {
    note(keyId) {
      const hour = Math.floor(clock() / HOUR_MS) * HOUR_MS;
      if (written.get(keyId) !== hour) noted.set(keyId, hour);
    },
    async read() {
      return { ...(await document.read()), ...Object.fromEntries(noted) };
    },
    async close() {
      clearInterval(timer);
      await write();
    },
  };

  async function write(): Promise<void> {
    if (noted.size === 0) return;
    const news = new Map(noted);
    await document.update((before) => newest({ ...before, ...Object.fromEntries(news) }));
    for (const [keyId, hour] of news) {
      written.set(keyId, hour);
      if (noted.get(keyId) === hour) noted.delete(keyId);
    }
  }
}

function newest(all: Record<string, number>): Record<string, number> {
  const entries = Object.entries(all);
  if (entries.length <= MAX_USES) return all;
  return Object.fromEntries(entries.sort(([, a], [, b]) => b - a).slice(0, MAX_USES));
}
