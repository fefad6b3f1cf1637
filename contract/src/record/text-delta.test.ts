import crypto from "node:crypto";
import { expect, test } from "vitest";
import { createPayloadReader, formatMessageNode, SAME_PACK } from "./payload-reading.ts";
import { DELTA_MEDIA_TYPE, MESSAGES_MEDIA_TYPE, type PayloadRef } from "./record.ts";
import { createTextCache } from "./text-cache.ts";
import { formatTextDelta, type TextDelta } from "./text-delta.ts";
import { readMessages, readText } from "./text-reading.ts";

const sha256 = (bytes: string | Uint8Array): string => crypto.hash("sha256", bytes, "hex");

/** A pack that payloads are added to one by one; each may name those before it as its base. */
function packInWork() {
  const parts: Buffer[] = [];
  let whole = Buffer.of();
  let offset = 0;
  const counted = { reads: 0 };
  const read = createPayloadReader(async (_, from, length) => {
    counted.reads++;
    if (whole.length < offset) whole = Buffer.concat(parts);
    return whole.subarray(from, from + length);
  });
  const put = (content: string | Uint8Array, media_type: string): PayloadRef => {
    const bytes = Buffer.from(content);
    const ref = { sha256: sha256(bytes), size_bytes: bytes.length, media_type, pack: SAME_PACK, offset };
    parts.push(bytes);
    offset += bytes.length;
    return ref;
  };
  const putDelta = (
    base: PayloadRef,
    text: string,
    changes: Partial<TextDelta> & Pick<TextDelta, "pieces">,
  ): PayloadRef => {
    const own = Buffer.from("");
    const node = { base, own, sha256: sha256(text), sizeBytes: Buffer.byteLength(text), ...changes };
    return put(formatTextDelta(node), DELTA_MEDIA_TYPE);
  };
  const inPack = (ref: PayloadRef): PayloadRef => ({ ...ref, pack: "1".repeat(64) });
  return {
    put,
    putDelta,
    counted,
    read,
    textOf: async (ref: PayloadRef) => Buffer.from(await readText(read, inPack(ref))).toString(),
    inPack,
  };
}

test("a text is put together of its own bytes and its bases', cut within characters too", async () => {
  const { put, putDelta, textOf } = packInWork();
  const base = put("größer", "text/plain"); // 67 72 c3 b6 c3 9f 65 72
  const first = putDelta(base, "gräßer", { pieces: [[0, 3], 1, [4, 4]], own: Buffer.of(0xa4) });
  const second = putDelta(first, "ßer, gräßer!", { pieces: [[4, 4], 2, [0, 8], 1], own: Buffer.from(", !") });
  expect(await textOf(second)).toBe("ßer, gräßer!");
});

test("a list may go on from a difference, and a difference from a list", async () => {
  const { put, putDelta, read, inPack, textOf } = packInWork();
  const list = put(formatMessageNode({ base: null, baseCount: 0, texts: ['"a"', '"b"'] }), MESSAGES_MEDIA_TYPE);
  const changed = putDelta(list, '["c","b"]', { pieces: [[0, 2], 1, [3, 6]], own: Buffer.from("c") });
  const longer = put(formatMessageNode({ base: changed, baseCount: 2, texts: ['"d"'] }), MESSAGES_MEDIA_TYPE);
  expect(await readMessages(read, inPack(longer))).toEqual(['"c"', '"b"', '"d"']);
  expect(await textOf(longer)).toBe('["c","b","d"]');
  const miscounted = put(formatMessageNode({ base: changed, baseCount: 3, texts: ['"d"'] }), MESSAGES_MEDIA_TYPE);
  await expect(readMessages(read, inPack(miscounted))).rejects.toThrow(/does not have the 3 messages/);
});

test("a difference that does not make up the text it states is refused, well signed as it may be", async () => {
  const { put, putDelta, textOf } = packInWork();
  const base = put("0123456789", "text/plain");
  await expect(textOf(putDelta(base, "0123", { pieces: [[1, 4]] }))).rejects.toThrow(/do not make up the text/);
  await expect(textOf(putDelta(base, "0123", { pieces: [[0, 3]] }))).rejects.toThrow(/do not make up its 4 bytes/);
  await expect(textOf(putDelta(base, "012x", { pieces: [[0, 3], 1] }))).rejects.toThrow(/do not make up its 4 bytes/);
  await expect(textOf(putDelta(base, "9x", { pieces: [[9, 2]] }))).rejects.toThrow(/bytes that its base does not have/);
  const short = putDelta(base, "01", { pieces: [[0, 2]] });
  await expect(textOf(putDelta(short, "012", { pieces: [[0, 3]] }))).rejects.toThrow(
    /bytes that its base does not have/,
  );
  const ahead = { ...base, offset: 1_000_000 };
  await expect(textOf(putDelta(ahead, "0123", { pieces: [[0, 4]] }))).rejects.toThrow(/comes after it/);
  await expect(textOf(put("no head", DELTA_MEDIA_TYPE))).rejects.toThrow(/no difference of texts/);
});

test("a chain is read however long it is, of differences and lists by turns too, and no base is read more than twice", async () => {
  const { put, putDelta, textOf, counted } = packInWork();
  let ref = put("text", "text/plain");
  for (let i = 0; i < 12_000; i++) ref = putDelta(ref, "text", { pieces: [[0, 4]] });
  expect(await textOf(ref)).toBe("text");
  expect(counted.reads).toBe(12_001);
  let turn = putDelta(ref, "[]", { pieces: [2], own: Buffer.from("[]") });
  for (let i = 0; i < 3_000; i++) {
    const list = put(formatMessageNode({ base: turn, baseCount: 0, texts: [] }), MESSAGES_MEDIA_TYPE);
    turn = putDelta(list, "[]", { pieces: [[0, 2]] });
  }
  counted.reads = 0;
  expect(await textOf(turn)).toBe("[]");
  expect(counted.reads).toBeLessThan(2 * (6_001 + 12_001));
}, 120_000);

test("pieces that multiply from difference to difference are read, each base twice at most; one that lies among them is found", async () => {
  const { put, putDelta, textOf, counted } = packInWork();
  const letters = "abcdefghijklmnopqrstuvwxyz".repeat(10);
  let text = letters;
  let ref = put(letters, "text/plain");
  for (const pieces of [200, 200, 50]) {
    const { length } = text;
    const from = (i: number) => (i * 7) % length;
    const parts = Array.from({ length: pieces }, (_, i): [number, number] => [
      from(i),
      Math.min(200, length - from(i)),
    ]);
    text = parts.map(([at, long]) => text.slice(at, at + long)).join("");
    ref = putDelta(ref, text, { pieces: parts });
  }
  text = text.repeat(400);
  ref = putDelta(ref, text, { pieces: Array.from({ length: 400 }, () => [0, text.length / 400]) });
  counted.reads = 0;
  expect(await textOf(ref)).toBe(text);
  expect(counted.reads).toBeGreaterThan(5);
  expect(counted.reads).toBeLessThanOrEqual(10);
  const lie = putDelta(putDelta(ref, "x", { pieces: [[0, 1]] }), "ab", { pieces: [[0, 2]] });
  await expect(textOf(lie)).rejects.toThrow(/bytes that its base does not have/);
});

test("a text that is in the cache is not read again", async () => {
  const { put, putDelta, read, inPack, counted } = packInWork();
  const base = put("text", "text/plain");
  const first = putDelta(base, "text!", { pieces: [[0, 4], 1], own: Buffer.from("!") });
  const second = putDelta(first, "text!?", { pieces: [[0, 5], 1], own: Buffer.from("?") });
  const cache = createTextCache(1_000);
  await readText(read, inPack(first), cache);
  counted.reads = 0;
  expect(Buffer.from(await readText(read, inPack(second), cache)).toString()).toBe("text!?");
  expect(counted.reads).toBe(1);
});

test("the cache keeps what was used last, within its bytes", () => {
  const cache = createTextCache(10);
  cache.set("a", Buffer.alloc(4));
  cache.set("b", Buffer.alloc(4));
  cache.get("a");
  cache.set("c", Buffer.alloc(4));
  cache.set("too large", Buffer.alloc(11));
  expect(["a", "b", "c", "too large"].filter((key) => cache.get(key) !== undefined)).toEqual(["a", "c"]);
});
