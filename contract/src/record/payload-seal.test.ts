import crypto from "node:crypto";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createPayloadReader, type ReadPack } from "./payload-reading.ts";
import {
  commitmentOf,
  openPayload,
  payloadKey,
  payloadSalt,
  SALT_BYTES,
  SEAL_BYTES,
  sealDeflated,
  sealPayload,
} from "./payload-seal.ts";
import { type PayloadRef, record } from "./record.ts";

const DEK = Uint8Array.from({ length: 32 }, (_, i) => i);

/** Computed by another implementation: Python's hmac, hashlib and cryptography, from the definition alone. */
const GOLDEN = [
  {
    mediaType: "application/json",
    plaintext: '{"q":"hello"}',
    key: "0c5e1af7f8f0cc201465a1f62bd144be9befcc0ec922b142fb786ce6f978599df4179858e78c429df176dd2a9646327a1e6ddb55fe958b4d0f95a44bf844a386",
    stored: "2c66cd8474490c597572404c15b4683a05b585d59749983e56c9048f04a6b77f95cbe69a264db10210f0c9072c",
    commitment: "86abd64e033ce0af9e8bcd468adcaac79313a9cb096c4ab60129f8265f87cb06",
  },
  {
    mediaType: "text/plain",
    plaintext: "",
    key: "a6e54a74c8484bf6181ecccbd0fb4807b06a9dd0b325fc1b2e5a28791fc0aec7cb78a7b7cce9c28a8aff6987fd86004c2375f98186d233bcba816d8d10c438b8",
    stored: "845027f08350b5ba373c58f7be9f052cab1e6fcfde8160509eebafd0ac89d4f0",
    commitment: "c7dac9ce8a5ba5f0e99030c3a7fbce4cc01853793ed39b2c2c7aac8b5ab22485",
  },
  {
    mediaType: "application/vnd.runledger.messages+json",
    plaintext: '{"base":null,"base_count":0,"messages":["größer 東京"]}',
    key: "2148e17e2417f9b3258c8a670dedb8dc76a74571760e951934943537f2b50fa654f39a06a923d795ff597301d33ddfa9bb230be870ad72bc2c70f255e526a2d9",
    stored:
      "71591de147bb5df8fa2276848c95654d14eed22b9c9fdc3f440f99f482fc40a71654601829efce5cf6d958e1309ba32650a53f7f579e9bad76a8e127a83674647ca9ac5df1f498d2b43e0dd64ab50f20641f9c34c60b49ecacb2ee",
    commitment: "e0693bc7ccaf0a574921312d9accf5bd9eddb4522003c1cf3ae6079a2c0cb552",
  },
];

test.each(GOLDEN)("seals $mediaType as the definition says", ({ mediaType, plaintext, key, stored, commitment }) => {
  const sealed = sealPayload(DEK, mediaType, Buffer.from(plaintext));
  expect(Buffer.from(sealed.stored).toString("hex")).toBe(stored);
  expect(sealed.commitment).toBe(commitment);
  const found = payloadKey(DEK, sealed.stored.subarray(0, SALT_BYTES));
  expect(Buffer.from(found).toString("hex")).toBe(key);
  expect(Buffer.from(openPayload(found, sealed.stored)).toString()).toBe(plaintext);
  expect(commitmentOf(found, Buffer.from(plaintext))).toBe(commitment);
});

const bytes = fc.uint8Array({ maxLength: 300 });
const dek = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("what is sealed opens again, is longer by as much as is said, and is the same every time", () => {
  fc.assert(
    fc.property(dek, fc.string(), bytes, (key, mediaType, plaintext) => {
      const { stored, commitment } = sealPayload(key, mediaType, plaintext);
      expect(stored.length).toBe(plaintext.length + SEAL_BYTES);
      expect(sealPayload(key, mediaType, plaintext)).toEqual({ stored, commitment });
      expect(Buffer.from(openPayload(payloadKey(key, stored.subarray(0, SALT_BYTES)), stored))).toEqual(
        Buffer.from(plaintext),
      );
    }),
  );
});

test("every changed bit, and another key, is noticed", () => {
  fc.assert(
    fc.property(dek, bytes, fc.nat(), fc.nat({ max: 7 }), (key, plaintext, at, bit) => {
      const { stored } = sealPayload(key, "text/plain", plaintext);
      const changed = Uint8Array.from(stored);
      const place = at % stored.length;
      changed[place] = (changed[place] ?? 0) ^ (1 << bit);
      expect(() => openPayload(payloadKey(key, changed.subarray(0, SALT_BYTES)), changed)).toThrow(/does not open/);
      const other = Uint8Array.from(key);
      other[at % 32] = (other[at % 32] ?? 0) ^ (1 << bit);
      expect(() => openPayload(payloadKey(other, stored.subarray(0, SALT_BYTES)), stored)).toThrow(/does not open/);
    }),
  );
});

test("no two different contents share a salt, so no key is used twice", () => {
  fc.assert(
    fc.property(fc.tuple(fc.string(), bytes), fc.tuple(fc.string(), bytes), ([typeA, a], [typeB, b]) => {
      fc.pre(typeA !== typeB || Buffer.compare(a, b) !== 0);
      fc.pre(!typeA.includes("\0") && !typeB.includes("\0"));
      expect(payloadSalt(DEK, typeA, a)).not.toEqual(payloadSalt(DEK, typeB, b));
    }),
  );
});

test("what is too short, and a key that is no payload's, are refused", () => {
  const { stored } = sealPayload(DEK, "text/plain", Buffer.from("x"));
  expect(() => openPayload(DEK, stored)).toThrow(/too short/);
  expect(() => openPayload(new Uint8Array(64), stored.subarray(0, 31))).toThrow(/too short/);
});

/** A pack of one sealed payload, and its reference. */
function sealedPack(text: string, changes: Partial<PayloadRef> = {}): { readPack: ReadPack; ref: PayloadRef } {
  const { stored, commitment } = sealPayload(DEK, "text/plain", Buffer.from(text));
  const sha256 = crypto.hash("sha256", stored, "hex");
  const where = { sha256, size_bytes: stored.length, media_type: "text/plain", pack: sha256, offset: 0 };
  return {
    readPack: async (_, from, length) => stored.subarray(from, from + length),
    ref: { ...where, key_id: "a".repeat(32), commitment, ...changes },
  };
}

test("a reader opens by the payload's own key, and says sealed where there is none", async () => {
  const { readPack, ref } = sealedPack("secret");
  const asked: string[] = [];
  const read = createPayloadReader(readPack, async ({ key_id }, salt) => {
    asked.push(key_id);
    return payloadKey(DEK, salt);
  });
  expect(Buffer.from(await read(ref)).toString()).toBe("secret");
  expect(asked).toEqual(["a".repeat(32)]);
  await expect(createPayloadReader(readPack)(ref)).rejects.toMatchObject({ code: "sealed" });
  await expect(createPayloadReader(readPack, async () => null)(ref)).rejects.toMatchObject({ code: "sealed" });
});

test("a reference that commits to another plaintext is found, though all hashes fit", async () => {
  const { readPack, ref } = sealedPack("secret", { commitment: "0".repeat(64) });
  const read = createPayloadReader(readPack, async (_, salt) => payloadKey(DEK, salt));
  await expect(read(ref)).rejects.toMatchObject({ code: "mismatch", message: expect.stringContaining("commits to") });
});

const PLAINTEXT = "the same words, ".repeat(40);

function deflatedPack(changes: Partial<PayloadRef> = {}): { readPack: ReadPack; ref: PayloadRef } {
  const deflated = deflateRawSync(PLAINTEXT, { level: 9 });
  const { stored, commitment } = sealDeflated(DEK, "text/plain", Buffer.from(PLAINTEXT), deflated);
  const sha256 = crypto.hash("sha256", stored, "hex");
  const where = { sha256, size_bytes: stored.length, media_type: "text/plain", pack: sha256, offset: 0 };
  return {
    readPack: async (_, from, length) => stored.subarray(from, from + length),
    ref: { ...where, key_id: "a".repeat(32), commitment, inflated_bytes: PLAINTEXT.length, ...changes },
  };
}

test("what was deflated is read as it was, and its commitment is to the plaintext", async () => {
  const { readPack, ref } = deflatedPack();
  expect(ref.size_bytes).toBeLessThan(100);
  const read = createPayloadReader(readPack, async (_, salt) => payloadKey(DEK, salt));
  expect(Buffer.from(await read(ref)).toString()).toBe(PLAINTEXT);
  const key = payloadKey(DEK, (await readPack("", 0, SALT_BYTES)) ?? new Uint8Array());
  expect(commitmentOf(key, Buffer.from(PLAINTEXT))).toBe(ref.commitment);
});

test.each([
  [
    "has more bytes than its reference says: no more memory is taken",
    { inflated_bytes: PLAINTEXT.length - 1 },
    "mismatch",
  ],
  ["has fewer", { inflated_bytes: PLAINTEXT.length + 1 }, "mismatch"],
  ["is said to have more than anything has", { inflated_bytes: 2 ** 40 }, "malformed"],
  ["was deflated and is not said to be", { inflated_bytes: undefined }, "mismatch"],
  ["commits to something else", { commitment: "0".repeat(64) }, "mismatch"],
])("a deflated payload that %s is refused", async (_, changes, code) => {
  const { readPack, ref } = deflatedPack(changes as Partial<PayloadRef>);
  const read = createPayloadReader(readPack, async (_ref, salt) => payloadKey(DEK, salt));
  await expect(read(ref)).rejects.toMatchObject({ code });
});

test("what is no deflate is refused where it is said to be", async () => {
  const { readPack, ref } = sealedPack("\xff not deflated", { inflated_bytes: 17 });
  const read = createPayloadReader(readPack, async (_, salt) => payloadKey(DEK, salt));
  await expect(read(ref)).rejects.toMatchObject({ code: "mismatch" });
});

test("two forms of one plaintext, by two compressors, are sealed under two keys", () => {
  const salts = [1, 9].map((level) => {
    const deflated = deflateRawSync(`${PLAINTEXT}${"x".repeat(level)}`.slice(0, PLAINTEXT.length), { level });
    return sealDeflated(DEK, "text/plain", Buffer.from(PLAINTEXT), deflated).stored.subarray(0, SALT_BYTES);
  });
  const plain = payloadSalt(DEK, "text/plain", Buffer.from(PLAINTEXT));
  expect(new Set([...salts, plain].map((salt) => Buffer.from(salt).toString("hex"))).size).toBe(3);
});

test("a reference has key id and commitment, or neither", () => {
  const payloads = record.shape.payloads;
  const { ref } = sealedPack("x");
  const { key_id, commitment, ...clear } = ref;
  expect(payloads.safeParse({ input: ref }).success).toBe(true);
  expect(payloads.safeParse({ input: clear }).success).toBe(true);
  expect(payloads.safeParse({ input: { ...clear, key_id } }).success).toBe(false);
  expect(payloads.safeParse({ input: { ...clear, commitment } }).success).toBe(false);
  expect(payloads.safeParse({ input: { ...ref, inflated_bytes: 9 } }).success).toBe(true);
  expect(payloads.safeParse({ input: { ...clear, inflated_bytes: 9 } }).success).toBe(false);
});
