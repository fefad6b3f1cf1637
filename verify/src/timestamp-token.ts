import { LogError } from "@runledger/contract";

/** What of a time stamp (TimeStampResp, RFC 3161; CMS, RFC 5652) its authority signed, in a frame that is always the same: nobody signed the given one. @throws LogError `mismatch`. */
export function signedPartOf(response: Uint8Array): Buffer<ArrayBuffer> {
  const [status, token] = inside(response, SEQUENCE, 2);
  if (!GRANTED.has(partsOf(as(status, SEQUENCE).content)[0]?.whole.toString("hex") ?? ""))
    throw new LogError("mismatch", "the authority refused it");
  const [type, wrapped] = inside(token.whole, SEQUENCE, 2);
  const [signed] = inside(wrapped.whole, EXPLICIT, 1);
  const parts = partsOf(as(signed, SEQUENCE).content);
  const [contentType, content] = inside(parts[2]?.whole, SEQUENCE, 2);
  const [info] = inside(content.whole, EXPLICIT, 1);
  const [signer] = inside(parts.at(-1)?.whole, SET, 1);
  const signerParts = partsOf(as(signer, SEQUENCE).content);
  const [, , digest, attributes, algorithm, signature] = signerParts;
  const names = [type, contentType, ...[digest, algorithm].map((each) => partsOf(as(each, SEQUENCE).content)[0])];
  const [typeName = "", contentName = "", digestName = "", algorithmName = ""] = names.map(
    (each) => each?.whole.toString("hex") ?? "",
  );
  if (parts.length < 4 || signerParts.length > 7 || typeName !== SIGNED_DATA || contentName !== TIME_STAMP_INFO)
    throw new LogError("mismatch", "it is no time stamp of one signer");
  if (!DIGESTS.has(digestName) || !ALGORITHMS.has(algorithmName))
    throw new LogError(
      "mismatch",
      "it is signed by another algorithm than RSA or ECDSA with SHA-256, SHA-384 or SHA-512",
    );
  const encapsulated = der(SEQUENCE, hex(TIME_STAMP_INFO), der(EXPLICIT, as(info, OCTETS).whole));
  const signerInfo = der(
    SEQUENCE,
    ...[hex("020101"), der(SEQUENCE), der(SEQUENCE, hex(digestName)), as(attributes, EXPLICIT).whole],
    ...[der(SEQUENCE, hex(algorithmName)), as(signature, OCTETS).whole],
  );
  const signedData = der(SEQUENCE, hex("020103"), der(SET), encapsulated, der(SET, signerInfo));
  return der(SEQUENCE, hex("3003020100"), der(SEQUENCE, hex(SIGNED_DATA), der(EXPLICIT, signedData)));
}

interface Part {
  tag: number;
  whole: Buffer;
  content: Buffer;
}

const SEQUENCE = 0x30;
const SET = 0x31;
const OCTETS = 0x04;
/** `[0]`, of what is inside. */
const EXPLICIT = 0xa0;
/** As INTEGER: granted, with modifications or not. */
const GRANTED = new Set(["020100", "020101"]);
/** OBJECT IDENTIFIERs, each with tag and length. */
const SIGNED_DATA = "06092a864886f70d010702";
const TIME_STAMP_INFO = "060b2a864886f70d0109100104";
/** SHA-256, SHA-384, SHA-512 (RFC 5754, 2). */
const DIGESTS = new Set(["01", "02", "03"].map((last) => `06096086480165030402${last}`));
/** rsaEncryption, shaXWithRSAEncryption, ecdsa-with-SHAX (RFC 5754, 3): they name the key; the digest is the signer's. */
const ALGORITHMS = new Set([
  ...["01", "0b", "0c", "0d"].map((last) => `06092a864886f70d0101${last}`),
  ...["02", "03", "04"].map((last) => `06082a8648ce3d0403${last}`),
]);

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

/** What stands in one element, side by side. @throws LogError unless it is all of `bytes`, and has `count` of them. */
function inside(bytes: Uint8Array | undefined, tag: number, count: 1): [Part];
function inside(bytes: Uint8Array | undefined, tag: number, count: 2): [Part, Part];
function inside(bytes: Uint8Array | undefined, tag: number, count: number): Part[] {
  const [only, ...others] = partsOf(Buffer.from(bytes ?? []));
  const parts = others.length > 0 ? [] : partsOf(as(only, tag).content);
  if (parts.length !== count) throw noTimestamp();
  return parts;
}

function as(part: Part | undefined, tag: number): Part {
  if (part?.tag !== tag) throw noTimestamp();
  return part;
}

/** Elements side by side; lengths by the Distinguished Encoding Rules (X.690, 10.1). */
function partsOf(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag = 0, first = 0] = bytes.subarray(at);
    const more = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + more;
    if (start > bytes.length || more > 3 || (tag & 0x1f) === 0x1f) throw noTimestamp();
    const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
    const whole = bytes.subarray(at, start + length);
    const content = whole.subarray(start - at);
    if (first === 0x80 || content.length !== length || !lengthOf(length).equals(bytes.subarray(at + 1, start)))
      throw noTimestamp();
    parts.push({ tag, whole, content });
    at = start + length;
  }
  return parts;
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const digits = length.toString(16);
  const bytes = hex(digits.length % 2 === 0 ? digits : `0${digits}`);
  return Buffer.concat([Buffer.of(0x80 + bytes.length), bytes]);
}

function der(tag: number, ...content: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), lengthOf(bytes.length), bytes]);
}

function noTimestamp(): LogError {
  return new LogError("mismatch", "it is no time stamp in DER");
}
