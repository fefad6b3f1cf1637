import { payloadBase } from "../record/payload-base.ts";
import { countMessageNode, payloadRefKey, type ReadPayload } from "../record/payload-reading.ts";
import { DELTA_MEDIA_TYPE, MESSAGES_MEDIA_TYPE, type PayloadRef, type RunledgerRecord } from "../record/record.ts";
import { createTextCache } from "../record/text-cache.ts";
import { countMessages, readText, readWholeRecord } from "../record/text-reading.ts";
import { LogError } from "./log-error.ts";

/**
 * Checks what the log's writer states of contents, the same for a store and for a bundle: that each difference makes up the text whose hash it names, each
 * list has as many messages before it as it counts, what is called `messages` is a list, and an `overflow` makes a record of its entry. Bases are looked
 * at like what goes on from them.
 */
export interface ContentCheck {
  /** @throws LogError, what `read` throws among them. */
  check(record: RunledgerRecord, name: string, ref: PayloadRef): Promise<void>;
}

/** Beyond so many, what was found right is looked at again. */
const MAX_REMEMBERED = 100_000;
/** Whole texts of differences: twice what the writer remembers, so that almost every base is among them. */
const MAX_TEXT_CACHE_BYTES = 128 * 1024 * 1024;

/** @param read checks what a reference says of the payload itself. */
export function createContentCheck(read: ReadPayload): ContentCheck {
  /** Nodes that were found right: lists with their number of messages, bases included; differences with null. */
  const right = new Map<string, number | null>();
  const texts = createTextCache(MAX_TEXT_CACHE_BYTES);

  const countOf = async (ref: PayloadRef): Promise<number> =>
    right.get(payloadRefKey(ref)) ?? (await countMessages(read, ref, texts));

  const checkNode = async (ref: PayloadRef): Promise<number | null> => {
    if (ref.media_type !== MESSAGES_MEDIA_TYPE) {
      await readText(read, ref, texts);
      return null;
    }
    const { base, baseCount, count } = countMessageNode(await read(ref), ref);
    const before = base === null ? 0 : await countOf(base);
    if (before !== baseCount)
      throw new LogError("malformed", `it counts ${baseCount} messages before it, there are ${before}`);
    return before + count;
  };

  /** Follows the bases down to one that is known, then checks from there upwards, so that nothing is put together twice. */
  const checkNodes = async (ref: PayloadRef): Promise<void> => {
    const chain: PayloadRef[] = [];
    for (let at: PayloadRef | null = ref; at !== null && isNode(at) && !right.has(payloadRefKey(at)); ) {
      chain.push(at);
      at = payloadBase(at, await read(at));
    }
    for (const node of chain.reverse()) {
      const count = await checkNode(node);
      if (right.size >= MAX_REMEMBERED) right.clear();
      right.set(payloadRefKey(node), count);
    }
  };

  return {
    async check(record, name, ref) {
      if (isNode(ref)) await checkNodes(ref);
      else await read(ref);
      if (name === "messages" && ref.media_type !== MESSAGES_MEDIA_TYPE) await countMessages(read, ref, texts);
      if (name === "overflow") await readWholeRecord(read, record, texts);
    },
  };
}

function isNode({ media_type }: PayloadRef): boolean {
  return media_type === MESSAGES_MEDIA_TYPE || media_type === DELTA_MEDIA_TYPE;
}
