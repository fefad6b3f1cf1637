import crypto from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createPayloadReader,
  formatMessageNode,
  parseMessageNode,
  type ReadPayload,
  SAME_PACK,
} from "./payload-reading.ts";
import { MESSAGES_MEDIA_TYPE, type PayloadRef } from "./record.ts";
import { readMessages } from "./text-reading.ts";

/** A pack of texts, and where each lies in it. */
function packOf(...texts: string[]): { read: ReadPayload; refs: PayloadRef[] } {
  const bytes = Buffer.from(texts.join(""));
  const pack = crypto.hash("sha256", bytes, "hex");
  let offset = 0;
  const refs = texts.map((text) => {
    const size_bytes = Buffer.byteLength(text);
    const ref = {
      sha256: crypto.hash("sha256", text, "hex"),
      size_bytes,
      media_type: MESSAGES_MEDIA_TYPE,
      pack,
      offset,
    };
    offset += size_bytes;
    return ref;
  });
  const read = createPayloadReader(async (name, from, length) =>
    name === pack ? bytes.subarray(from, from + length) : null,
  );
  return { read, refs };
}

const anywhere: PayloadRef = {
  sha256: "0".repeat(64),
  size_bytes: 0,
  media_type: "x",
  pack: "1".repeat(64),
  offset: 10_000,
};

test("a node gives back each message's JSON as it was written, spaces and escapes and all", () => {
  const messages = fc.array(
    fc.tuple(fc.jsonValue(), fc.nat({ max: 3 })).map(([value, indent]) => JSON.stringify(value, null, indent)),
  );
  fc.assert(
    fc.property(messages, (texts) => {
      const node = { base: null, baseCount: 0, texts };
      expect(parseMessageNode(Buffer.from(formatMessageNode(node)), anywhere)).toEqual(node);
    }),
  );
});

test("bases are followed, in the same pack too", async () => {
  const first = formatMessageNode({ base: null, baseCount: 0, texts: ['"a"', "1.0"] });
  const base = { ...(packOf(first).refs[0] as PayloadRef), pack: SAME_PACK };
  const { read, refs } = packOf(first, formatMessageNode({ base, baseCount: 2, texts: ['{"b" : [1,2]}'] }));
  expect(await readMessages(read, refs[1] as PayloadRef)).toEqual(['"a"', "1.0", '{"b" : [1,2]}']);
});

test("a base that counts otherwise, a wrong hash, a missing pack and what is no list are refused", async () => {
  const first = formatMessageNode({ base: null, baseCount: 0, texts: ['"a"'] });
  const base = { ...(packOf(first).refs[0] as PayloadRef), pack: SAME_PACK };
  const { read, refs } = packOf(first, formatMessageNode({ base, baseCount: 2, texts: [] }), "[]");
  const [ref, miscounted, noList] = refs as [PayloadRef, PayloadRef, PayloadRef];
  await expect(readMessages(read, miscounted)).rejects.toMatchObject({ code: "malformed" });
  await expect(readMessages(read, noList)).rejects.toMatchObject({ code: "malformed" });
  await expect(read({ ...ref, offset: 1 })).rejects.toMatchObject({ code: "mismatch" });
  await expect(read({ ...ref, pack: "2".repeat(64) })).rejects.toMatchObject({ code: "missing" });
});

test("a base that lies behind its successor in one pack is refused: no circles", () => {
  const node = formatMessageNode({ base: { ...anywhere, pack: SAME_PACK }, baseCount: 0, texts: [] });
  expect(() => parseMessageNode(Buffer.from(node), anywhere)).toThrow(/comes after it/);
});
