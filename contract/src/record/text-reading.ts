import crypto from "node:crypto";
import { parseLogEntry } from "../log/log-entry.ts";
import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "./canonical-json.ts";
import { checkedElements } from "./json-elements.ts";
import { parseCanonicalJson } from "./parse-canonical-json.ts";
import { baseOf, countMessageNode, parseMessageNode, payloadRefKey, type ReadPayload } from "./payload-reading.ts";
import { DELTA_MEDIA_TYPE, MESSAGES_MEDIA_TYPE, type PayloadRef, type RunledgerRecord } from "./record.ts";
import type { TextCache } from "./text-cache.ts";
import { fillAllGaps, fillGaps, MAX_TEXT_BYTES, parseTextDelta, type TextGap } from "./text-delta.ts";

/**
 * The whole text of any payload: of one stored as a difference put together from its bases and checked against its own hash, of a message list the JSON
 * array of its messages. @throws LogError.
 */
export function readText(read: ReadPayload, ref: PayloadRef, cache?: TextCache): Promise<Uint8Array> {
  return createTextReader(read, cache).text(ref);
}

/** The JSON texts of all messages of a list, in order, its bases followed. @throws LogError. */
export function readMessages(read: ReadPayload, ref: PayloadRef, cache?: TextCache): Promise<string[]> {
  return createTextReader(read, cache).messages(ref);
}

/** How many messages a list has, its bases followed; none is kept. @throws LogError. */
export async function countMessages(read: ReadPayload, ref: PayloadRef, cache?: TextCache): Promise<number> {
  let total = 0;
  let expected: number | null = null;
  let at: PayloadRef | null = ref;
  while (at?.media_type === MESSAGES_MEDIA_TYPE) {
    const node = countMessageNode(await read(at), at);
    requireCount(at, expected, node.baseCount + node.count);
    total += node.count;
    expected = node.baseCount;
    at = node.base;
  }
  if (at === null) return total;
  const before = countIn(await readText(read, at, cache), at);
  requireCount(at, expected, before);
  return total + before;
}

/** The record with what was too large for its entry put back in place. @throws LogError `malformed` where that makes none of this version or a later one. */
export async function readWholeRecord(
  read: ReadPayload,
  entry: RunledgerRecord,
  cache?: TextCache,
): Promise<RunledgerRecord> {
  const ref = entry.payloads.overflow;
  if (ref === undefined) return entry;
  const moved = parseCanonicalJson(await readText(read, ref, cache));
  if (typeof moved !== "object" || moved === null || Array.isArray(moved))
    throw new LogError("malformed", `the overflow of record ${entry.record_id} is no JSON object`);
  return parseLogEntry(Buffer.from(canonicalJson({ ...entry, ...moved })));
}

interface TextReader {
  text(ref: PayloadRef): Promise<Uint8Array>;
  messages(ref: PayloadRef): Promise<string[]>;
}

/** A list's own nodes, the last first, and what is no such node that they go on from. */
interface ListNodes {
  texts: string[][];
  base: PayloadRef | null;
  /** Messages that the last of them counts in `base`; null where there is no node. */
  baseCount: number | null;
}

/** Bases may be of any number and form: a list's a difference, a difference's a list. No more than two whole texts are held beside the cache's. */
function createTextReader(read: ReadPayload, cache: TextCache | undefined): TextReader {
  /** What was put together last, for what goes on from it. */
  let last: { key: string; text: Uint8Array } | null = null;
  const known = (ref: PayloadRef): Uint8Array | undefined => {
    const key = payloadRefKey(ref);
    return last?.key === key ? last.text : cache?.get(key);
  };

  const nodesOf = async (ref: PayloadRef): Promise<ListNodes> => {
    const texts: string[][] = [];
    let baseCount: number | null = null;
    let at: PayloadRef | null = ref;
    while (at?.media_type === MESSAGES_MEDIA_TYPE) {
      const node = parseMessageNode(await read(at), at);
      requireCount(at, baseCount, node.baseCount + node.texts.length);
      texts.push(node.texts);
      baseCount = node.baseCount;
      at = node.base;
    }
    return { texts, base: at, baseCount };
  };

  /** The text, or the base whose whole text is needed first: what goes on from it is then put together anew. */
  const put = async (ref: PayloadRef): Promise<Uint8Array | PayloadRef> => {
    if (ref.media_type === DELTA_MEDIA_TYPE) return await joined(ref);
    if (ref.media_type !== MESSAGES_MEDIA_TYPE) return await read(ref);
    const nodes = await nodesOf(ref);
    const { base } = nodes;
    const text = base && (known(base) ?? (base.media_type === DELTA_MEDIA_TYPE ? base : await read(base)));
    return isText(text) || text === null ? arrayOf(allOf(nodes, text), ref) : text;
  };

  /** Nothing is put together twice: what no node so far has is looked for in the next base, as long as that is in few pieces. */
  const joined = async (ref: PayloadRef): Promise<Uint8Array | PayloadRef> => {
    const top = parseTextDelta(await read(ref), ref.sha256);
    const whole = Buffer.allocUnsafe(top.sizeBytes);
    let gaps: TextGap[] = [{ at: 0, from: 0, length: top.sizeBytes }];
    let base = ref;
    for (let node = top; ; node = parseTextDelta(await read(base), base.sha256)) {
      const left = fillGaps(whole, gaps, node);
      if (left === null) return base;
      gaps = left;
      base = baseOf(node.base, base);
      if (base.media_type !== DELTA_MEDIA_TYPE || known(base) !== undefined) break;
    }
    const text = known(base) ?? (await put(base));
    if (!isText(text)) return text;
    fillAllGaps(whole, gaps, text);
    if (crypto.hash("sha256", whole, "hex") !== top.sha256)
      throw new LogError("mismatch", `the payload ${ref.sha256} and its bases do not make up the text ${top.sha256}`);
    cache?.set(payloadRefKey(ref), whole);
    return whole;
  };

  const text = async (ref: PayloadRef): Promise<Uint8Array> => {
    const waiting = [ref];
    for (let at = ref; ; at = waiting.at(-1) ?? ref) {
      const made = known(at) ?? (await put(at));
      if (!isText(made)) {
        waiting.push(made);
        continue;
      }
      last = { key: payloadRefKey(at), text: made };
      waiting.pop();
      if (waiting.length === 0) return made;
    }
  };

  const messages = async (ref: PayloadRef): Promise<string[]> => {
    const nodes = await nodesOf(ref);
    return allOf(nodes, nodes.base && (await text(nodes.base)));
  };
  return { text, messages };
}

function isText(made: Uint8Array | PayloadRef | null): made is Uint8Array {
  return made instanceof Uint8Array;
}

/** In order, with those of the text that the nodes go on from. */
function allOf({ texts, base, baseCount }: ListNodes, text: Uint8Array | null): string[] {
  if (base === null || text === null) return texts.reverse().flat();
  const before: string[] = [];
  requireCount(base, baseCount, countIn(text, base, before));
  return [...texts, before].reverse().flat();
}

function arrayOf(messages: readonly string[], { sha256 }: PayloadRef): Uint8Array {
  const sizeBytes = messages.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 1);
  if (sizeBytes > MAX_TEXT_BYTES) throw new LogError("malformed", `the message list ${sha256} is too long for a text`);
  return Buffer.from(`[${messages.join(",")}]`);
}

function requireCount({ sha256 }: PayloadRef, expected: number | null, count: number): void {
  if (expected !== null && expected !== count)
    throw new LogError(
      "malformed",
      `the message list ${sha256} does not have the ${expected} messages its successor counts`,
    );
}

/** Of a list that is stored as one text: how many, and which, if they are asked for. */
function countIn(bytes: Uint8Array, { sha256 }: PayloadRef, into?: string[]): number {
  const text = Buffer.from(bytes).toString();
  const count = text.startsWith("[") && text.endsWith("]") ? checkedElements(text.slice(1, -1), into) : null;
  if (count === null) throw new LogError("malformed", `the payload ${sha256} is no list of messages`);
  return count;
}
