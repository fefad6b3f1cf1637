import { statePath, tenantStatePath } from "@runledger/contract";
import { createStateDocument, type Objects, StorageError } from "@runledger/storage";
import { z } from "zod";
import { type KeptErasure, keptErasure } from "./kept-erasure.ts";

/** Erasures that are done, an object each, and which of them destroyed a key: however many there are, nothing grows with them that is read or written whole. */
export interface ErasureArchive {
  /** Durable when it resolves; repeated after a crash it has no second effect. The persons' ids are not kept with it. */
  add(done: readonly KeptErasure[]): Promise<void>;
  /** The one that destroyed the key; null: none did. */
  ofKey(keyId: string): Promise<KeptErasure | null>;
  /** One that destroyed any of the keys; a document is read for each of their rings. */
  ofAnyKey(keyIds: ReadonlySet<string>): Promise<KeptErasure | null>;
  /** A tenant's that were asked for before a place, the newest first. `place`: of the last one of the page before; null: from the newest. */
  newest(tenant: string, limit: number, place: string | null): Promise<{ erasure: KeptErasure; place: string }[]>;
}

/** Of the keys of one ring (`storage/src/keys`), some hundreds: where their erasures lie. */
const erasedKeys = z.record(z.string(), z.string());
const RING_DIGITS = 8;
const AT_ONCE = 16;

export function createErasureArchive(objects: Objects): ErasureArchive {
  const keysOfRing = (ring: string) => createStateDocument(objects, statePath(`erased-keys/${ring}`), erasedKeys, {});

  const read = async (path: string): Promise<KeptErasure> => {
    const bytes = await objects.read(path);
    const parsed = keptErasure.safeParse(bytes === null ? null : JSON.parse(Buffer.from(bytes).toString()));
    if (!parsed.success) throw new StorageError("damaged", `${path}: ${parsed.error.message}`, parsed.error);
    return parsed.data;
  };

  return {
    add: async (done) => {
      const byRing = new Map<string, Record<string, string>>();
      for (const erasure of done)
        for (const keyId of erasure.key_ids) {
          const ring = ringOf(keyId);
          byRing.set(ring, Object.assign(byRing.get(ring) ?? {}, { [keyId]: pathOf(erasure) }));
        }
      // What a key refers to is there first.
      await each(done, (erasure) =>
        objects.replace(pathOf(erasure), Buffer.from(JSON.stringify(withoutPerson(erasure)))),
      );
      await each([...byRing], ([ring, keys]) => keysOfRing(ring).update((before) => ({ ...before, ...keys })));
    },
    ofKey: async (keyId) => {
      const path = (await keysOfRing(ringOf(keyId)).read())[keyId];
      return path === undefined ? null : await read(path);
    },
    ofAnyKey: async (keyIds) => {
      for (const ring of new Set([...keyIds].map(ringOf))) {
        const erased = Object.entries(await keysOfRing(ring).read()).find(([keyId]) => keyIds.has(keyId));
        if (erased !== undefined) return await read(erased[1]);
      }
      return null;
    },
    newest: async (tenant, limit, place) => {
      const prefix = prefixOf(tenant);
      const paths: string[] = [];
      for (const month of (await objects.folders(prefix)).reverse()) {
        if (place !== null && month > place.slice(0, MONTH_CHARS)) continue;
        const ofMonth: string[] = [];
        for await (const { path } of objects.list(`${prefix}${month}/`))
          if (place === null || placeOf(path) < place) ofMonth.push(path);
        paths.push(...ofMonth.reverse());
        if (paths.length >= limit) break;
      }
      const found: { erasure: KeptErasure; place: string }[] = [];
      for (let at = 0; at < Math.min(limit, paths.length); at += AT_ONCE) {
        const some = paths.slice(at, Math.min(at + AT_ONCE, limit));
        found.push(
          ...(await Promise.all(some.map(async (path) => ({ erasure: await read(path), place: placeOf(path) })))),
        );
      }
      return found;
    },
  };
}

function ringOf(keyId: string): string {
  return keyId.slice(0, RING_DIGITS);
}

const MONTH_CHARS = "2026-11".length;

/** `…/2026-11/2026-11-29T12-00-00.000Z-<id>.json`: in the order in which they were asked for. */
function pathOf({ tenant, requested_time, erasure_id }: KeptErasure): string {
  return `${prefixOf(tenant)}${requested_time.slice(0, MONTH_CHARS)}/${requested_time.replaceAll(":", "-")}-${erasure_id}.json`;
}

function prefixOf(tenant: string): string {
  return tenantStatePath(tenant, "erasures/done/").replace(/\.json$/, "");
}

function placeOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.json$/, "");
}

/** The id may be forgotten when no more rows of the person's can come; here it is not needed. */
function withoutPerson(erasure: KeptErasure): KeptErasure {
  return { ...erasure, user_id: null, run_ids: [] };
}

async function each<Item>(items: readonly Item[], act: (item: Item) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(act));
}
