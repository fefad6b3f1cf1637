import crypto from "node:crypto";
import { LogError } from "./log-error.ts";
import { COSIGNATURE_V1, type NoteSigner, noteKeyId, parseKeyText, parseNote, rawPublicKey } from "./signed-note.ts";

/** Somebody who attests to have seen a log grow: https://c2sp.org/tlog-cosignature, with Ed25519. */
export interface Cosigner {
  readonly name: string;
  readonly keyId: number;
  readonly publicKey: Uint8Array;
  /** When it was signed, in seconds since the epoch; null when it is not this cosigner's signature of that text. */
  timeOf(text: string, signature: Uint8Array): number | null;
}

const TIMESTAMP_BYTES = 8;
const SIGNATURE_BYTES = 64;
/** Of the year 9999, the last that RFC 3339 writes. */
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;

/** A cosigner by its verifier key of type 0x04. @throws LogError `malformed`. */
export function parseCosignerKey(text: string): Cosigner {
  const { name, keyId, key, publicKey } = parseKeyText(text, COSIGNATURE_V1);
  return {
    name,
    keyId,
    publicKey,
    timeOf: (signed, signature) => {
      if (signature.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES) return null;
      const bytes = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength);
      const time = Number(bytes.readBigUInt64BE(0));
      // Zero states nothing about when.
      if (time === 0 || time > LAST_TIME) return null;
      return crypto.verify(null, signedMessage(signed, time), key, bytes.subarray(TIMESTAMP_BYTES)) ? time : null;
    },
  };
}

/**
 * Which of the cosigners have cosigned a checkpoint, and when, in seconds since the epoch. Signatures of others are ignored.
 * @throws LogError `malformed` when it is no note, `mismatch` when a cosigner's signature fails: https://c2sp.org/signed-note, "Verification".
 */
export function cosignersOf(note: Uint8Array, cosigners: readonly Cosigner[]): Map<Cosigner, number> {
  const { text, signatures } = parseNote(note);
  const found = new Map<Cosigner, number>();
  for (const { name, keyId, signature } of signatures) {
    const known = cosigners.filter((cosigner) => cosigner.name === name && cosigner.keyId === keyId);
    const times = known.map((cosigner) => ({ cosigner, time: cosigner.timeOf(text, signature) }));
    if (known.length > 0 && times.every(({ time }) => time === null))
      throw new LogError("mismatch", `the cosignature of ${name} does not fit the checkpoint`);
    for (const { cosigner, time } of times)
      if (time !== null) found.set(cosigner, Math.max(time, found.get(cosigner) ?? 0));
  }
  return found;
}

/** Cosigns as a witness does. `now` gives seconds since the epoch. */
export function createCosigner(name: string, privateKey: crypto.KeyObject, now: () => number): NoteSigner {
  return {
    name,
    keyId: noteKeyId(name, rawPublicKey(privateKey), COSIGNATURE_V1),
    sign: (text) => {
      const time = now();
      const timestamp = Buffer.alloc(TIMESTAMP_BYTES);
      timestamp.writeBigUInt64BE(BigInt(time));
      const message = signedMessage(Buffer.from(text).toString(), time);
      return Buffer.concat([timestamp, crypto.sign(null, message, privateKey)]);
    },
  };
}

/** https://c2sp.org/tlog-cosignature, "Ed25519 signed message". */
function signedMessage(text: string, time: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
}
