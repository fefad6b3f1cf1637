import crypto from "node:crypto";
import { expect, test } from "vitest";
import { openCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { decodeEntryBundle, encodeEntryBundle } from "./entry-bundle.ts";
import { leafHash } from "./merkle.ts";
import { formatTlogProof, parseTlogProof, verifyTlogProof } from "./proof.ts";
import { createNoteSigner, formatVerifierKey, openNote, parseVerifierKey, signNote } from "./signed-note.ts";

/** Published examples of the format. */
const EXAMPLES = [
  {
    key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    text: "This is an example message.\n",
    signature:
      "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
  },
  {
    key: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
    signature:
      "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
  },
];
const [example] = EXAMPLES as [(typeof EXAMPLES)[number]];
const note = (text: string, ...signatures: string[]): Uint8Array => Buffer.from(`${text}\n${signatures.join("")}`);
const code = (open: () => unknown): string => {
  try {
    open();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "opened";
};
const newKey = (): crypto.KeyObject => crypto.generateKeyPairSync("ed25519").privateKey;

test.each(EXAMPLES)("a published note opens with its published key: $key", ({ key, text, signature }) => {
  expect(openNote(note(text, signature), [parseVerifierKey(key)])).toMatchObject({ text });
});

test("signatures of unknown keys are ignored, and alone they are not enough", () => {
  const known = parseVerifierKey(example.key);
  const other = (EXAMPLES[1] as typeof example).signature;
  expect(openNote(note(example.text, other, example.signature), [known]).signedBy).toEqual(["example.com/foo"]);
  expect(code(() => openNote(note(example.text, other), [known]))).toBe("untrusted");
  expect(code(() => openNote(note(example.text, example.signature), []))).toBe("untrusted");
});

test("a known key's wrong signature refuses the whole note", () => {
  const known = parseVerifierKey(example.key);
  expect(code(() => openNote(note("Another message.\n", example.signature), [known]))).toBe("mismatch");
});

test("of two keys with one name and one id either may have signed, in whatever order they are given", () => {
  const known = parseVerifierKey(example.key);
  const other = { ...parseVerifierKey(formatVerifierKey("example.com/foo", newKey())), keyId: known.keyId };
  const signed = note(example.text, example.signature);
  for (const verifiers of [
    [known, other],
    [other, known],
  ])
    expect(openNote(signed, verifiers).signedBy).toEqual(["example.com/foo"]);
  expect(code(() => openNote(signed, [other]))).toBe("mismatch");
});

test("every changed byte of a signed note is found", () => {
  const bytes = note(example.text, example.signature);
  const known = parseVerifierKey(example.key);
  for (let i = 0; i < bytes.length; i++) {
    for (const bit of [1, 0x20, 0x80]) {
      const changed = Uint8Array.from(bytes);
      changed[i] = (changed[i] as number) ^ bit;
      expect(
        code(() => openNote(changed, [known])),
        `byte ${i}`,
      ).not.toBe("opened");
    }
  }
});

test.each([
  "",
  "text\n",
  "text\n\n",
  "text\n\n— name\n",
  "text\n\n- name AAAAAAA=\n",
  "te\txt\n\n— n AAAAAAA=\n",
  "text\n\n— n AAAAAAA\n",
  "\n\n— n AAAAAAA=\n",
])("%j is refused as malformed", (text) => {
  expect(code(() => openNote(Buffer.from(text), []))).toBe("malformed");
});

test("a verifier key with a wrong key id, type or spelling is refused", () => {
  for (const key of [
    example.key.replace("530d903a", "530d903b"),
    example.key.slice(0, -4),
    "name",
    `${example.key}=`,
  ]) {
    expect(code(() => parseVerifierKey(key))).toBe("malformed");
  }
});

test("what we sign opens with the key that we print", () => {
  const key = newKey();
  const signed = signNote("a\n\nb\n", [createNoteSigner("runledger.local/x", key)]);
  expect(openNote(signed, [parseVerifierKey(formatVerifierKey("runledger.local/x", key))]).text).toBe("a\n\nb\n");
});

test("a checkpoint counts only under its own log's name", () => {
  const key = newKey();
  const root = leafHash(Buffer.from("x"));
  const verifiers = ["log/a", "log/b"].map((name) => parseVerifierKey(formatVerifierKey(name, key)));
  expect(openCheckpoint(signCheckpoint(7, root, createNoteSigner("log/a", key)), verifiers)).toMatchObject({
    origin: "log/a",
    size: 7,
  });
  const foreign = signNote(`log/a\n7\n${Buffer.from(root).toString("base64")}\n`, [createNoteSigner("log/b", key)]);
  expect(code(() => openCheckpoint(foreign, verifiers))).toBe("untrusted");
  const leadingZero = signNote(`log/a\n07\n${Buffer.from(root).toString("base64")}\n`, [
    createNoteSigner("log/a", key),
  ]);
  expect(code(() => openCheckpoint(leadingZero, verifiers))).toBe("malformed");
});

test("a tlog-proof is read back and verified, and refused for another leaf", () => {
  const key = newKey();
  const root = leafHash(Buffer.from("x"));
  const verifiers = [parseVerifierKey(formatVerifierKey("log/a", key))];
  const text = formatTlogProof({
    index: 0,
    proof: [],
    checkpoint: signCheckpoint(1, root, createNoteSigner("log/a", key)),
  });
  expect(text.startsWith("c2sp.org/tlog-proof@v1\nindex 0\n\nlog/a\n1\n")).toBe(true);
  expect(verifyTlogProof(parseTlogProof(text), root, verifiers).size).toBe(1);
  expect(code(() => verifyTlogProof(parseTlogProof(text), leafHash(root), verifiers))).toBe("mismatch");
  expect(code(() => parseTlogProof(text.replace("index 0", "index 00")))).toBe("malformed");
});

test("bundles are read back, and a cut one is refused", () => {
  const entries = [Buffer.from("one"), Buffer.from(""), Buffer.alloc(65_535, 7)];
  const bytes = encodeEntryBundle(entries);
  expect(decodeEntryBundle(bytes).map((entry) => Buffer.from(entry))).toEqual(entries);
  expect(code(() => decodeEntryBundle(bytes.subarray(0, -1)))).toBe("malformed");
  expect(code(() => decodeEntryBundle(Buffer.of(0)))).toBe("malformed");
});
