import { hash } from "node:crypto";
import {
  DELTA_MEDIA_TYPE,
  formatMessageNode,
  formatTextDelta,
  MESSAGES_MEDIA_TYPE,
  type PayloadRef,
  SAME_PACK,
} from "@runledger/contract";
import type { DataKey } from "@runledger/storage";
import { createGenerationMap } from "../integrate/generation-map.ts";
import { baseAfter, type Chained, chained, chainedAt } from "./chain.ts";
import { createPackInWork, type Draft, type Pack } from "./pack-in-work.ts";
import { createTextMemory, MAX_KNOWN_TEXT_BYTES, MIN_TEXT_BYTES, type Similar, type TextSlot } from "./text-memory.ts";

/** A payload's place. `pack` is "" until the pack it lies in is closed. */
export interface StoredPayload {
  /** Null: the bytes are the text itself, of the media type that its name has. */
  form: typeof DELTA_MEDIA_TYPE | typeof MESSAGES_MEDIA_TYPE | null;
  /** Null: it lies in the clear. `inflatedBytes`: of the plaintext, where it is sealed deflated; else null. */
  seal: { keyId: string; commitment: string; inflatedBytes: number | null } | null;
  sha256: string;
  sizeBytes: number;
  offset: number;
  pack: string;
}

/**
 * Whose content it is, and what it is like. Holds no newline. An export of one run holds all that its payloads go on from: so nothing goes on from what
 * another run sent, but from the beginning of what the run itself sent.
 */
export interface ContentPlace {
  /** Nothing is shared between subjects, so that one can be erased without the other; */
  subject: string;
  /** nor between keys, for the same reason. Null: content is stored in the clear. */
  key: DataKey | null;
  /** Large texts of a run are stored as differences to others of it. */
  run: string;
  /** What kind of text it is: which of the run's texts it goes on from when no other is like it. */
  label: string;
}

/** Puts payloads one after the other into packs, each content once. */
export interface PayloadPacker {
  add(place: ContentPlace, text: string): StoredPayload;
  /** A list of messages, each its JSON text: what is new after the longest beginning of it that is known, or the difference to a list like it. */
  addMessages(place: ContentPlace, texts: readonly string[]): StoredPayload;
  /** Closes the pack in work. Gives all packs since the last call; every payload added before has its pack now. */
  finish(): Pack[];
}

const MAX_RECENT_PAYLOADS = 50_000;
const MAX_MESSAGE_LISTS = 50_000;

interface KnownList {
  payload: StoredPayload;
  count: number;
  /** Neither a difference nor upon one: what it goes on from is its own beginning. */
  isPlain: boolean;
}

export function createPayloadPacker(): PayloadPacker {
  const recent = createKnown<StoredPayload>(MAX_RECENT_PAYLOADS, ({ form }) => form === null);
  const lists = createKnown<Chained<KnownList>>(MAX_MESSAGE_LISTS, ({ value }) => value.isPlain);
  const memory = createTextMemory();
  const pack = createPackInWork();

  const keepDifference = (place: ContentPlace, bytes: Buffer, similar: Similar): StoredPayload => {
    const { base, pieces } = similar;
    const own = ownBytes(bytes, pieces);
    const sha256 = hash("sha256", bytes, "hex");
    const node = formatTextDelta({ base: baseRef(base), pieces, own, sha256, sizeBytes: bytes.length });
    const payload = pack.keep(pack.draft(node, DELTA_MEDIA_TYPE, place.key));
    memory.remember(slotOf(place), { bytes, payload }, { after: similar.after });
    return payload;
  };

  const add = (place: ContentPlace, text: string): StoredPayload => {
    pack.makeRoom();
    const whole = pack.draft(text, null, place.key);
    const key = scopeOf(place) + whole.identity;
    const known = recent.get(key, place.run);
    if (known !== undefined) return known;
    const payload = isCompared(whole.sizeBytes) ? addLarge(place, whole) : pack.keep(whole);
    recent.set(key, place.run, payload);
    return payload;
  };
  const addLarge = (place: ContentPlace, whole: Draft): StoredPayload => {
    const bytes = pack.copyOf(whole);
    const slot = slotOf(place);
    const similar = memory.similar(slot, bytes, bytes.length);
    if (similar !== null) return keepDifference(place, bytes, similar);
    const payload = pack.keep(whole);
    memory.remember(slot, { bytes, payload }, { after: null });
    return payload;
  };

  const addMessages = (place: ContentPlace, texts: readonly string[]): StoredPayload => {
    pack.makeRoom();
    const prefixes = prefixHashes(scopeOf(place), texts);
    let known: Chained<KnownList> | undefined;
    for (let i = prefixes.length - 1; i >= 0 && known === undefined; i--)
      known = lists.get(prefixes[i] ?? "", place.run);
    const count = texts.length;
    if (known?.value.count === count) return known.value.payload;

    const slot = slotOf(place);
    const bytes = isCompared(lengthOf(texts)) ? Buffer.from(`[${texts.join(",")}]`) : null;
    const newLength = lengthOf(texts.slice(known?.value.count ?? 0));
    const mostlyNew = bytes !== null && newLength * 2 > bytes.length;
    const similar = mostlyNew ? memory.similar(slot, bytes, newLength) : null;
    let stored: Chained<KnownList>;
    if (bytes !== null && similar !== null) {
      const payload = keepDifference(place, bytes, similar);
      stored = chainedAt({ payload, count, isPlain: false }, similar.after.index + 1);
    } else {
      const base = (known && baseAfter(known)) ?? null;
      const baseCount = base?.value.count ?? 0;
      const node = { base: base && baseRef(base.value.payload), baseCount, texts: texts.slice(baseCount) };
      const payload = pack.keep(pack.draft(formatMessageNode(node), MESSAGES_MEDIA_TYPE, place.key));
      stored = chained({ payload, count, isPlain: base?.value.isPlain ?? true }, base && (known ?? null));
      if (bytes !== null) memory.remember(slot, { bytes, payload }, { index: stored.index });
    }
    const own = prefixes.at(-1);
    if (own !== undefined) lists.set(own, place.run, stored);
    return stored.value.payload;
  };
  return { add, addMessages, finish: pack.finish };
}

/** What is stored: what is plain, for all runs of its scope; the rest for the run that sent it, since it goes on from other texts of that. */
interface Known<Value> {
  get(identity: string, run: string): Value | undefined;
  set(identity: string, run: string, value: Value): void;
}

function createKnown<Value>(limit: number, isPlain: (value: Value) => boolean): Known<Value> {
  const values = createGenerationMap<Value>(limit);
  return {
    get: (identity, run) => values.get(identity) ?? values.get(`${identity}\n${run}`),
    set: (identity, run, value) => values.set(isPlain(value) ? identity : `${identity}\n${run}`, value),
  };
}

/** `mediaType`: of the text, where that is what is stored. */
export function payloadRefOf(payload: StoredPayload, mediaType: string): PayloadRef {
  const { form, seal, sha256, sizeBytes, offset, pack } = payload;
  const place = { media_type: form ?? mediaType, offset, pack, sha256, size_bytes: sizeBytes };
  if (seal === null) return place;
  const { commitment, keyId, inflatedBytes } = seal;
  return {
    ...place,
    commitment,
    key_id: keyId,
    ...(inflatedBytes === null ? {} : { inflated_bytes: inflatedBytes }),
  };
}

function baseRef(payload: StoredPayload): PayloadRef {
  return { ...payloadRefOf(payload, "text/plain"), pack: payload.pack === "" ? SAME_PACK : payload.pack };
}

function scopeOf({ subject, key }: ContentPlace): string {
  return key?.keyId ?? subject;
}

function slotOf(place: ContentPlace): TextSlot {
  return { key: `${scopeOf(place)}\n${place.run}`, label: place.label };
}

function isCompared(sizeBytes: number): boolean {
  return sizeBytes >= MIN_TEXT_BYTES && sizeBytes <= MAX_KNOWN_TEXT_BYTES;
}

function ownBytes(bytes: Buffer, pieces: Similar["pieces"]): Buffer {
  const own: Buffer[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === "number") own.push(bytes.subarray(at, at + piece));
    at += typeof piece === "number" ? piece : piece[1];
  }
  return Buffer.concat(own);
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

/** One hash for each beginning of the list. A scope holds no newline, so no two lists are confused. */
function prefixHashes(scope: string, texts: readonly string[]): string[] {
  let prefix = scope;
  return texts.map((text) => {
    prefix = hash("sha256", `${prefix}\n${text}`, "base64");
    return prefix;
  });
}
