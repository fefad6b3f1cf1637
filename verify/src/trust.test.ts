import { generateKeyPairSync } from "node:crypto";
import {
  COSIGNATURE_V1,
  createCosigner,
  createFindings,
  createNoteSigner,
  formatVerifierKey,
  parsePolicy,
  signNote,
} from "@runledger/contract";
import { expect, test } from "vitest";
import { quorumOf } from "./trust.ts";

test("a head is under the quorum that the policy asks for, or it is not", () => {
  const log = createNoteSigner("log.example", generateKeyPairSync("ed25519").privateKey);
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = formatVerifierKey("w.example", privateKey, COSIGNATURE_V1);
  const witness = createCosigner("w.example", privateKey, () => 1_700_000_000);
  const text = `log.example\n3\n${Buffer.alloc(32, 1).toString("base64")}\n`;
  const verdict = (note: Uint8Array, policy: string) => {
    const findings = createFindings();
    const by = quorumOf(note, { verifierKeys: [], witnessed: parsePolicy(policy) }, "checkpoint", findings);
    return [by, findings.verdict()];
  };
  const asks = `witness w ${key}\nquorum w\n`;
  expect(verdict(signNote(text, [log, witness]), asks)).toEqual([{ names: ["w"], time: 1_700_000_000 }, "VERIFIED"]);
  expect(verdict(signNote(text, [log]), asks)).toEqual([null, "VERIFIED"]);
  expect(verdict(signNote(text, [log]), `witness w ${key}\nquorum none\n`)).toEqual([null, "VERIFIED"]);
  const forged = { ...witness, sign: () => Buffer.alloc(72, 1) };
  expect(verdict(signNote(text, [log, forged]), asks)).toEqual([null, "TAMPERED"]);
});
