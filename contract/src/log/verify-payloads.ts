import crypto from "node:crypto";
import {
  createPayloadReader,
  type FindPayloadKey,
  isSealed,
  parseMessageNode,
  type ReadPack,
  readMessages,
  readText,
  readWholeRecord,
} from "../record/payload-reading.ts";
import { MESSAGES_MEDIA_TYPE, type PayloadRef, type RunledgerRecord } from "../record/record.ts";
import { createTextCache } from "../record/text-cache.ts";
import { createDestroyedKeys, type DestroyedKeys } from "./destroyed-keys.ts";
import { LogError } from "./log-error.ts";
import { createUnopenedPayloads, type SealedPayloads } from "./unopened-payloads.ts";
import type { Findings } from "./verification.ts";

/** A whole pack by its name, or null. */
export type ReadWholePack = (packSha256: string) => Promise<Uint8Array | null>;

/**
 * Checks what records point to: packs hash to their names, payloads to their references, plaintexts to their commitments, differences to their whole
 * texts, message lists to their counts. Of a sealed payload whose key is not at hand the stored bytes are checked.
 */
export interface PayloadCheck {
  /** In order of the log. */
  check(record: RunledgerRecord, logIndex: number): Promise<void>;
  /** After the last record: which could not be opened, and why. */
  finish(): SealedPayloads;
  readonly checked: number;
}

/** At 8 MiB a pack. Records of a run point into a few packs, those of other runs into the same. */
const MAX_PACKS = 8;
const MAX_REMEMBERED = 100_000;
/** Whole texts of differences: twice what the writer remembers, so that almost every base is among them. */
const MAX_TEXT_CACHE_BYTES = 128 * 1024 * 1024;

export function createPayloadCheck(
  readWholePack: ReadWholePack,
  findings: Findings,
  findKey?: FindPayloadKey,
  elsewhere?: Pick<DestroyedKeys, "of">,
): PayloadCheck {
  const unopened = createUnopenedPayloads(findKey !== undefined);
  const destroyed = createDestroyedKeys();
  const packs = new Map<string, Promise<Uint8Array | null>>();
  const badPacks = new Set<string>();
  /** Message lists that were found right, with their number of messages, bases included. */
  const lists = new Map<string, number>();
  const texts = createTextCache(MAX_TEXT_CACHE_BYTES);
  let checked = 0;

  const load = async (pack: string): Promise<Uint8Array | null> => {
    const bytes = await readWholePack(pack);
    if (bytes !== null && !badPacks.has(pack) && crypto.hash("sha256", bytes, "hex") !== pack) {
      remember(badPacks, pack);
      findings.add("TAMPERED", `pack ${pack}`, "its bytes do not hash to its name");
    }
    return bytes;
  };
  const readPack: ReadPack = async (pack, offset, length) => {
    const cached = packs.get(pack);
    const whole = cached ?? load(pack);
    packs.delete(pack);
    packs.set(pack, whole);
    const [oldest] = packs.keys();
    if (packs.size > MAX_PACKS && oldest !== undefined) packs.delete(oldest);
    return (await whole)?.subarray(offset, offset + length) ?? null;
  };

  const readPayload = createPayloadReader(readPack, findKey);

  const readList = async (ref: PayloadRef): Promise<{ base: PayloadRef | null; baseCount: number; count: number }> => {
    if (ref.media_type !== MESSAGES_MEDIA_TYPE)
      return { base: null, baseCount: 0, count: (await readMessages(readPayload, ref, texts)).length };
    const { base, baseCount, texts: own } = parseMessageNode(await readPayload(ref), ref);
    return { base, baseCount, count: own.length };
  };

  /** Follows the bases down to one that is known, then adds up from there. */
  const checkList = async (ref: PayloadRef): Promise<void> => {
    const chain: { key: string; baseCount: number; count: number }[] = [];
    let total = 0;
    for (let at: PayloadRef | null = ref; at !== null; ) {
      const key = `${at.pack} ${at.offset} ${at.sha256}`;
      const known = lists.get(key);
      if (known !== undefined) {
        total = known;
        break;
      }
      const node = await readList(at);
      chain.push({ key, baseCount: node.baseCount, count: node.count });
      at = node.base;
    }
    for (const { key, baseCount, count } of chain.reverse()) {
      if (baseCount !== total)
        throw new LogError("malformed", `it counts ${baseCount} messages before it, there are ${total}`);
      total += count;
      if (lists.size >= MAX_REMEMBERED) lists.clear();
      lists.set(key, total);
    }
  };

  const checkPayload = async (record: RunledgerRecord, name: string, ref: PayloadRef): Promise<void> => {
    checked++;
    if (name === "messages" || ref.media_type === MESSAGES_MEDIA_TYPE) await checkList(ref);
    else if (name === "overflow") await readWholeRecord(readPayload, record, texts);
    else await readText(readPayload, ref, texts);
  };

  return {
    check: async (record, logIndex) => {
      destroyed.note(record, logIndex);
      for (const [name, ref] of Object.entries(record.payloads)) {
        const where = `entry ${logIndex}, payload ${name}`;
        await checkPayload(record, name, ref).then(
          () => unopened.opened(ref),
          (error) => {
            if (!(error instanceof LogError)) throw error;
            const isMissing = error.code === "missing";
            if (error.code === "sealed" || (isMissing && isSealed(ref))) unopened.add(ref, where, error);
            else findings.add(isMissing ? "INCOMPLETE" : "TAMPERED", where, error.message);
          },
        );
      }
    },
    finish: () => unopened.finish(destroyed, findings, elsewhere),
    get checked() {
      return checked;
    },
  };
}

function remember(set: Set<string>, value: string): void {
  if (set.size < MAX_REMEMBERED) set.add(value);
}
