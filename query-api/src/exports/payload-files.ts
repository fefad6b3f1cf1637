import { randomBytes } from "node:crypto";
import {
  canonicalJson,
  createDigestSet,
  createPayloadReader,
  type DestroyedKeys,
  type FindPayloadKey,
  isSealed,
  LogError,
  MESSAGES_MEDIA_TYPE,
  type PayloadLine,
  type PayloadRef,
  packPath,
  payloadBase,
  payloadId,
  type ReadPack,
  type RunledgerRecord,
} from "@runledger/contract";
import type { ExportLog } from "./export-log.ts";

/** The payloads of some entries: lines, and the plaintexts one behind the other. */
export interface PayloadPart {
  lines: string[];
  bytes: Uint8Array[];
  sizeBytes: number;
}

export interface PayloadCollector {
  /** Adds what these entries refer to, their bases included, that no part has had so far. */
  collect(entry: RunledgerRecord, part: PayloadPart): Promise<void>;
  /** How many were not to be had, though nothing says that they were erased. */
  readonly missing: number;
  /** How many are there since others are differences to them, and are no selected entry's: of before the time asked for, say. */
  readonly unselected: number;
}

/** Code points of why a payload was not to be had. */
const MAX_TOLD = 1_000;
/** At 8 MiB a pack. */
const MAX_PACKS = 4;

export function createPayloadCollector(log: ExportLog, destroyed: DestroyedKeys): PayloadCollector {
  const seen = createDigestSet(randomBytes(16));
  /** What entries refer to: those that an entry goes on from were logged before it. */
  const named = createDigestSet(randomBytes(16));
  let missing = 0;
  let unselected = 0;
  let lastKey: Uint8Array | null = null;
  const findKey: FindPayloadKey = async (ref, salt) => {
    lastKey = await log.findKey(ref, salt);
    return lastKey;
  };
  const read = createPayloadReader(createPackCache(log), findKey);

  /** Its line, and the payload that it goes on from. */
  const addOne = async (ref: PayloadRef, part: PayloadPart): Promise<PayloadRef | null> => {
    const name = { media_type: ref.media_type, sha256: ref.sha256 };
    const sealed = isSealed(ref) ? { commitment: ref.commitment, key_id: ref.key_id } : null;
    const destruction = sealed === null ? null : destroyed.of(sealed.key_id);
    try {
      const plaintext = await read(ref);
      const base = payloadBase(ref, plaintext);
      const place = { length: plaintext.length, offset: part.sizeBytes };
      const key = sealed && { ...sealed, payload_key: Buffer.from(lastKey ?? []).toString("hex") };
      addLine(part, { ...name, ...place, ...key });
      part.bytes.push(plaintext);
      part.sizeBytes += plaintext.length;
      return base;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      // The packs of what has expired may be gone whole.
      const isGone = (keyId: string) =>
        error.code === "sealed" || (error.code === "missing" && destroyed.isExpired(keyId));
      if (sealed !== null && destruction !== null && isGone(sealed.key_id)) {
        const { logIndex, shard = log.shard } = destruction;
        const elsewhere = shard === log.shard ? {} : { erased_in: shard };
        addLine(part, { ...name, ...sealed, erased_by: logIndex, ...elsewhere });
      } else {
        missing++;
        addLine(part, { ...name, ...sealed, missing: [...error.message].slice(0, MAX_TOLD).join("") });
      }
      return null;
    }
  };
  return {
    async collect(entry, part) {
      const refs = Object.values(entry.payloads);
      for (const ref of refs) named.add(payloadId(ref));
      for (const ref of refs) {
        let from = ref;
        for (let at: PayloadRef | null = ref; at !== null; ) {
          if (!seen.add(payloadId(at))) break;
          if (!isBeginning(at, from) && !named.has(payloadId(at))) unselected++;
          from = at;
          at = await addOne(at, part);
        }
      }
    },
    get missing() {
      return missing;
    },
    get unselected() {
      return unselected;
    },
  };
}

/** What a list goes on from as a list is what it begins with. */
function isBeginning(base: PayloadRef, from: PayloadRef): boolean {
  return base.media_type === MESSAGES_MEDIA_TYPE && from.media_type === MESSAGES_MEDIA_TYPE;
}

function addLine(part: PayloadPart, line: PayloadLine): void {
  part.lines.push(`${canonicalJson(line)}\n`);
}

/** Whole packs, the latest few: what entries that stand together refer to mostly lies in one. */
function createPackCache({ objects, shard }: ExportLog): ReadPack {
  const packs = new Map<string, Promise<Uint8Array | null>>();
  return async (pack, offset, length) => {
    const whole = packs.get(pack) ?? objects.read(packPath(shard, pack));
    packs.delete(pack);
    packs.set(pack, whole);
    const [oldest] = packs.keys();
    if (packs.size > MAX_PACKS && oldest !== undefined) packs.delete(oldest);
    return (await whole)?.subarray(offset, offset + length) ?? null;
  };
}
