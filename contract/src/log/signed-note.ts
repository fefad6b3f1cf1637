import crypto from "node:crypto";
import { LogError } from "./log-error.ts";

/** Signs notes under a name. The key id ties name, algorithm and public key together. */
export interface NoteSigner {
  readonly name: string;
  readonly keyId: number;
  sign(text: Uint8Array): Uint8Array;
}

/** A key whose signatures count. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: number;
  verify(text: Uint8Array, signature: Uint8Array): boolean;
}

/** A note's text, its last newline included, and the names of the known keys that signed it: at least one. */
export interface OpenedNote {
  text: string;
  signedBy: string[];
}

/** Signature types: https://c2sp.org/signed-note, "Signature types". */
const ED25519 = 1;
export const COSIGNATURE_V1 = 4;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_PREFIX = "\u2014 ";
const MAX_NOTE_BYTES = 1_000_000;
const MAX_SIGNATURES = 100;

/** A signer for an Ed25519 private key. @throws LogError `malformed` for another kind of key or a name that notes can't carry. */
export function createNoteSigner(name: string, privateKey: crypto.KeyObject): NoteSigner {
  checkName(name);
  const publicKey = rawPublicKey(privateKey);
  return { name, keyId: noteKeyId(name, publicKey, ED25519), sign: (text) => crypto.sign(null, text, privateKey) };
}

/** The text that one hands to verifiers: `name+hex(key id)+base64(0x01 ‖ public key)`. */
export function formatVerifierKey(name: string, privateOrPublicKey: crypto.KeyObject, type = ED25519): string {
  checkName(name);
  const publicKey = rawPublicKey(privateOrPublicKey);
  const keyId = noteKeyId(name, publicKey, type).toString(16).padStart(8, "0");
  return `${name}+${keyId}+${Buffer.concat([Buffer.of(type), publicKey]).toString("base64")}`;
}

/** @throws LogError `malformed` when the text is no Ed25519 verifier key, or its key id is not its own. */
export function parseVerifierKey(text: string): NoteVerifier {
  const { name, keyId, key } = parseKeyText(text, ED25519);
  return { name, keyId, verify: (signed, signature) => crypto.verify(null, signed, key, signature) };
}

/** The parts of `name+hex(key id)+base64(type ‖ Ed25519 public key)`. @throws LogError `malformed`. */
export function parseKeyText(
  text: string,
  type: number,
): { name: string; keyId: number; key: crypto.KeyObject; publicKey: Uint8Array } {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text.replaceAll(/^[ \t\r\n]+|[ \t\r\n]+$/g, ""));
  const [, name = "", keyIdHex = "", encoded = ""] = match ?? [];
  const bytes = strictBase64(encoded);
  if (match === null || bytes === null || bytes[0] !== type || bytes.length !== 1 + PUBLIC_KEY_BYTES) {
    throw new LogError(
      "malformed",
      "not a verifier key: name+key id+key is expected, as in the `log` line that `runledger policy` prints",
    );
  }
  checkName(name);
  const publicKey = bytes.subarray(1);
  const keyId = noteKeyId(name, publicKey, type);
  if (keyId !== Number.parseInt(keyIdHex, 16))
    throw new LogError("malformed", `the verifier key of ${name} is damaged`);
  if (isWeak(publicKey))
    throw new LogError("malformed", `the verifier key of ${name} is none: anybody could sign under it`);
  const jwk = { kty: "OKP", crv: "Ed25519", x: publicKey.toString("base64url") };
  return { name, keyId, publicKey, key: crypto.createPublicKey({ key: jwk, format: "jwk" }) };
}

/** 2^255 - 19: a coordinate has one spelling, below it (RFC 8032, 5.1.3). */
const FIELD = 2n ** 255n - 19n;
/** The y of the points whose order is 8 or less; with each libraries of cryptography do as they like. */
const SMALL_ORDER = new Set([
  ...[0n, 1n, FIELD - 1n],
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n,
]);

function isWeak(publicKey: Uint8Array): boolean {
  const bytes = Buffer.from(publicKey).reverse();
  const y = BigInt(`0x${bytes.toString("hex")}`) % 2n ** 255n;
  return y >= FIELD || SMALL_ORDER.has(y);
}

/** The note of a text that ends in a newline. @throws LogError `malformed` when the text can't stand in a note. */
export function signNote(text: string, signers: readonly NoteSigner[]): Uint8Array {
  if (!text.endsWith("\n") || hasForbiddenCharacters(text))
    throw new LogError("malformed", "this text can't be a note");
  const bytes = Buffer.from(text);
  const lines = signers.map(({ name, keyId, sign }) => {
    const id = Buffer.alloc(4);
    id.writeUInt32BE(keyId);
    return `${SIGNATURE_PREFIX}${name} ${Buffer.concat([id, sign(bytes)]).toString("base64")}\n`;
  });
  return Buffer.from(`${text}\n${lines.join("")}`);
}

/**
 * The text of a note that known keys signed. Signatures of unknown keys are ignored.
 * @throws LogError `malformed` when it is no note, `mismatch` when a known key's signature fails, `untrusted` when no known key signed.
 */
export function openNote(note: Uint8Array, verifiers: readonly NoteVerifier[]): OpenedNote {
  const { text, signatures } = parseNote(note);
  const bytes = Buffer.from(text);
  const signedBy: string[] = [];
  for (const { name, keyId, signature } of signatures) {
    // An id has 32 bits: two keys of one name that share it are soon found.
    const known = verifiers.filter((verifier) => verifier.name === name && verifier.keyId === keyId);
    if (known.length === 0) continue;
    if (!known.some(({ verify }) => verify(bytes, signature)))
      throw new LogError("mismatch", `the signature of ${name} does not fit the text`);
    signedBy.push(name);
  }
  if (signedBy.length === 0) throw new LogError("untrusted", "no known key signed this note");
  return { text, signedBy };
}

/** A note's text, unverified. Not to be believed; for tools that say so. @throws LogError `malformed`. */
export function noteText(note: Uint8Array): string {
  return parseNote(note).text;
}

export interface NoteSignature {
  name: string;
  keyId: number;
  signature: Uint8Array;
}

/** A note's parts, unverified. @throws LogError `malformed`. */
export function parseNote(note: Uint8Array): { text: string; signatures: NoteSignature[] } {
  if (note.length > MAX_NOTE_BYTES) throw new LogError("malformed", "the note is too large");
  const whole = decodeUtf8(note);
  const split = whole.lastIndexOf("\n\n");
  if (hasForbiddenCharacters(whole) || split < 1 || !whole.endsWith("\n")) {
    throw new LogError("malformed", "not a signed note: text, an empty line and signature lines are expected");
  }
  const lines = whole.slice(split + 2, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new LogError("malformed", "the note has too many signatures");
  return { text: whole.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [name = "", base64 = "", ...more] = line.slice(SIGNATURE_PREFIX.length).split(" ");
  const bytes = strictBase64(base64);
  if (!line.startsWith(SIGNATURE_PREFIX) || !isName(name) || more.length > 0 || bytes === null || bytes.length < 5) {
    throw new LogError("malformed", "a signature line of the note is malformed");
  }
  return { name, keyId: bytes.readUInt32BE(0), signature: bytes.subarray(4) };
}

/** Ties name, type and public key together: https://c2sp.org/signed-note, "Signatures". */
export function noteKeyId(name: string, publicKey: Uint8Array, type: number): number {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey]);
  return crypto.hash("sha256", input, "buffer").readUInt32BE(0);
}

/** The 32 bytes of an Ed25519 key's public half. @throws LogError `malformed` for another kind of key. */
export function rawPublicKey(key: crypto.KeyObject): Buffer {
  if (key.asymmetricKeyType !== "ed25519") throw new LogError("malformed", "notes are signed with Ed25519 keys");
  const publicKey = key.type === "private" ? crypto.createPublicKey(key) : key;
  return Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
}

function checkName(name: string): void {
  if (!isName(name)) throw new LogError("malformed", `a key name has no spaces and no plus: ${JSON.stringify(name)}`);
}

function isName(name: string): boolean {
  // JavaScript's own \s has U+FEFF too, which is no space of Unicode.
  return name !== "" && !/[+\p{White_Space}]/u.test(name);
}

/** Control characters other than the newline have no place in a note, and neither have lone surrogates. */
function hasForbiddenCharacters(text: string): boolean {
  return !text.isWellFormed() || [...text].some((character) => character < " " && character !== "\n");
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LogError("malformed", "the note is not UTF-8", cause);
  }
}

/** Standard base64 with padding, in its one canonical spelling; null for anything else. */
function strictBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return text !== "" && bytes.toString("base64") === text ? bytes : null;
}
