import { statePath } from "@runledger/contract";
import { createStateDocument, type Objects } from "@runledger/storage";
import { z } from "zod";
import { QueryApiError } from "../error.ts";
import { whyFull } from "../state/tenant-share.ts";
import { createErasureArchive, type ErasureArchive } from "./erasure-archive.ts";
import { type KeptErasure, keptErasure } from "./kept-erasure.ts";

/**
 * Erasures: those under way in one document, changed by compare-and-set; those that are done an object each; and the persons' ids of the last day's, whose rows
 * may come late. Every change is durable when it resolves, and repeated after a crash without a second effect.
 */
export interface ErasureStore extends Pick<ErasureArchive, "newest"> {
  /** The oldest first. */
  underWay(): Promise<KeptErasure[]>;
  /** A new one; one that is there stays as it is. @throws QueryApiError `rate_limited` when too many are under way. */
  add(erasure: KeptErasure): Promise<KeptErasure>;
  /**
   * How far it is now. @throws QueryApiError `unavailable` when another process has ended it, or is further: who stood still meanwhile must not begin it again.
   */
  save(erasure: KeptErasure): Promise<KeptErasure>;
  /** Done: it leaves the document. */
  finish(done: KeptErasure): Promise<KeptErasure>;
  /** Done, and late rows are still looked for. */
  settling(): Promise<KeptErasure[]>;
  /** No more rows can come: the person's id is forgotten. */
  settle(erasure: KeptErasure): Promise<void>;
  /** The erasure that has destroyed the key, or is about to. */
  ofKey(keyId: string): Promise<KeptErasure | null>;
  /** One that has destroyed any of the keys, or is about to. */
  ofAnyKey(keyIds: ReadonlySet<string>): Promise<KeptErasure | null>;
  /** Older versions left what was done in the document: that is put where it belongs. */
  tidy(): Promise<void>;
}

const document = z.strictObject({ erasures: z.array(keptErasure) });
const SETTLING = "state/erasures/settling/";
/** Of a tenant. */
const MAX_UNDER_WAY = 1_000;

export function createErasureStore(objects: Objects): ErasureStore {
  const open = createStateDocument(objects, statePath("erasures"), document, { erasures: [] });
  const archive = createErasureArchive(objects);
  const settlingPath = ({ erasure_id }: KeptErasure): string => `${SETTLING}${erasure_id}.json`;

  const put = async (done: readonly KeptErasure[]): Promise<void> => {
    for (const erasure of done)
      if (!erasure.rows_settled) await objects.replace(settlingPath(erasure), Buffer.from(JSON.stringify(erasure)));
    await archive.add(done);
    // A crash before this: it is gone on with, or put there, once more.
    const ids = new Set(done.map(({ erasure_id }) => erasure_id));
    await open.update(({ erasures }) => ({ erasures: erasures.filter(({ erasure_id }) => !ids.has(erasure_id)) }));
  };

  return {
    newest: archive.newest,
    underWay: async () => (await open.read()).erasures.filter(({ state }) => state !== "done"),
    add: async (begun) => {
      await open.update(({ erasures }) => {
        if (erasures.some(({ erasure_id }) => erasure_id === begun.erasure_id)) return { erasures };
        const underWay = erasures.filter(({ state }) => state !== "done");
        const full = whyFull(underWay, begun.tenant, MAX_UNDER_WAY, "erasures are under way");
        if (full !== null)
          throw new QueryApiError("rate_limited", full, {
            hint: "ask again when some are done: GET /v1/erasures tells how far they are",
          });
        return { erasures: [...erasures, begun] };
      });
      return begun;
    },
    save: async (changed) => {
      const isIt = ({ erasure_id }: KeptErasure) => erasure_id === changed.erasure_id;
      await open.update(({ erasures }) => {
        const before = erasures.find(isIt);
        if (before === undefined || (before.state === "destroying" && changed.state === "recording"))
          throw new QueryApiError("unavailable", `another query API is further with erasure ${changed.erasure_id}`, {
            hint: "GET /v1/erasures tells how far it is",
          });
        return { erasures: erasures.map((one) => (isIt(one) ? changed : one)) };
      });
      return changed;
    },
    finish: async (done) => {
      await put([done]);
      return done;
    },
    settling: async () => {
      const found: KeptErasure[] = [];
      for await (const { path } of objects.list(SETTLING)) {
        const bytes = await objects.read(path);
        if (bytes !== null) found.push(keptErasure.parse(JSON.parse(Buffer.from(bytes).toString())));
      }
      return found;
    },
    settle: (erasure) => objects.delete(settlingPath(erasure)),
    ofKey: async (keyId) => {
      const { erasures } = await open.read();
      return erasures.find(({ key_ids }) => key_ids.includes(keyId)) ?? (await archive.ofKey(keyId));
    },
    ofAnyKey: async (keyIds) => {
      const { erasures } = await open.read();
      return erasures.find(({ key_ids }) => key_ids.some((id) => keyIds.has(id))) ?? (await archive.ofAnyKey(keyIds));
    },
    tidy: async () => {
      const done = (await open.read()).erasures.filter(({ state }) => state === "done");
      if (done.length > 0) await put(done);
    },
  };
}
