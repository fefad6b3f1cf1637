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
import { checkQuorum } from "./trust.ts";

test("a bundle's head needs the quorum that the policy asks for", () => {
  const log = createNoteSigner("log.example", generateKeyPairSync("ed25519").privateKey);
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = formatVerifierKey("w.example", privateKey, COSIGNATURE_V1);
  const witness = createCosigner("w.example", privateKey, () => 1_700_000_000);
  const text = `log.example\n3\n${Buffer.alloc(32, 1).toString("base64")}\n`;
  const verdict = (note: Uint8Array, policy: string) => {
    const findings = createFindings();
    checkQuorum(note, { verifierKeys: [], witnessed: parsePolicy(policy) }, findings);
    return findings.verdict();
  };
  const asks = `witness w ${key}\nquorum w\n`;
  expect(verdict(signNote(text, [log, witness]), asks)).toBe("VERIFIED");
  expect(verdict(signNote(text, [log]), asks)).toBe("UNTRUSTED");
  expect(verdict(signNote(text, [log]), `witness w ${key}\nquorum none\n`)).toBe("VERIFIED");
  const forged = { ...witness, sign: () => Buffer.alloc(72, 1) };
  expect(verdict(signNote(text, [log, forged]), asks)).toBe("TAMPERED");
});
