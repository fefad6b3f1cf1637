import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { cosignersOf, createCosigner, parseCosignerKey } from "./cosignature.ts";
import { COSIGNATURE_V1, createNoteSigner, formatVerifierKey, signNote } from "./signed-note.ts";

const log = createNoteSigner("log.example", generateKeyPairSync("ed25519").privateKey);
const { privateKey } = generateKeyPairSync("ed25519");
const witness = createCosigner("witness.example/w", privateKey, () => 1_700_000_000);
const cosigner = parseCosignerKey(formatVerifierKey("witness.example/w", privateKey, COSIGNATURE_V1));
const text = `log.example\n3\n${Buffer.alloc(32, 1).toString("base64")}\n`;

test("a cosignature tells when it was made", () => {
  expect([...cosignersOf(signNote(text, [log, witness]), [cosigner])]).toEqual([[cosigner, 1_700_000_000]]);
  expect([...cosignersOf(signNote(text, [log]), [cosigner])]).toEqual([]);
  expect(cosignersOf(signNote(text, [log, witness]), []).size).toBe(0);
});

test("of two witnesses with one name and one id either may have cosigned", () => {
  const key = formatVerifierKey("witness.example/w", generateKeyPairSync("ed25519").privateKey, COSIGNATURE_V1);
  const other = { ...parseCosignerKey(key), keyId: cosigner.keyId };
  const note = signNote(text, [log, witness]);
  expect([...cosignersOf(note, [other, cosigner]).keys()]).toEqual([cosigner]);
  expect(() => cosignersOf(note, [other])).toThrow("does not fit");
});

test("every changed bit of a cosignature is found", () => {
  const signature = Buffer.from(witness.sign(Buffer.from(text)));
  for (let bit = 0; bit < signature.length * 8; bit++) {
    const changed = Buffer.from(signature);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const forged = signNote(text, [log, { ...witness, sign: () => changed }]);
    expect(() => cosignersOf(forged, [cosigner]), `bit ${bit}`).toThrow("does not fit");
  }
  const other = signNote(text.replace("\n3\n", "\n4\n"), [log, { ...witness, sign: () => signature }]);
  expect(() => cosignersOf(other, [cosigner])).toThrow("does not fit");
});

test("a cosignature without a time, of one beyond the year 9999, or of another length, does not count", () => {
  for (const sign of [
    createCosigner("witness.example/w", privateKey, () => 0).sign,
    createCosigner("witness.example/w", privateKey, () => 253_402_300_800).sign,
    (message: Uint8Array) => Buffer.from(witness.sign(message)).subarray(0, 71),
    createNoteSigner("witness.example/w", privateKey).sign,
  ]) {
    expect(() => cosignersOf(signNote(text, [log, { ...witness, sign }]), [cosigner])).toThrow("does not fit");
  }
});

test("the example of the specification has the form that is read", () => {
  // https://c2sp.org/tlog-cosignature, the first example; its key is not published there.
  const note = Buffer.from(
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
      "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n" +
      "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n",
  );
  const seen: number[] = [];
  const known = {
    name: "witness.example.com/w1",
    keyId: 0x8d66cf3f,
    publicKey: new Uint8Array(),
    timeOf: (_text: string, signature: Uint8Array) => {
      seen.push(signature.length);
      return Number(Buffer.from(signature).readBigUInt64BE(0));
    },
  };
  expect([...cosignersOf(note, [known]).values()]).toEqual([1_679_315_147]);
  expect(seen).toEqual([72]);
});
