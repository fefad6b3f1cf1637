import { as, EXPLICIT, elementOf, inside, OCTETS, type Part, SEQUENCE, SET } from "./der.ts";
import { LogError } from "./log-error.ts";

/** What of a time stamp (TimeStampResp, RFC 3161; CMS, RFC 5652) its authority signed, as the bytes are. Whether it did is for who knows its key. */
export interface TimestampToken extends StampedInfo, Signed {
  /** TSTInfo, DER. */
  info: Buffer;
}

export type StampDigest = "sha256" | "sha384" | "sha512";

interface StampedInfo {
  /** Of what was stamped. */
  imprint: { digest: StampDigest; hash: Buffer };
  /** RFC 3339, UTC, cut to milliseconds. */
  time: string;
  /** INTEGER, with its tag and length. */
  nonce: Buffer | undefined;
}

interface Signed {
  /** The signer's, of `info` and of `attributes`. */
  digest: StampDigest;
  /** As they are signed (RFC 5652, 5.4). */
  attributes: Buffer;
  /** RSA (PKCS #1 v1.5) or ECDSA. */
  signature: Buffer;
  /** Of `info`, by the attribute. */
  messageDigest: Buffer;
  /** Of the signer's certificate, by each signing-certificate attribute (RFC 2634, 5.4; RFC 5035, 4): its first entry. */
  certificates: CertificateHash[];
}

export interface CertificateHash {
  digest: StampDigest | "sha1";
  hash: Buffer;
}

/** @throws LogError `mismatch` for what is none, was refused by the authority, or is made in a way that is not checked here. */
export function parseTimestamp(response: Uint8Array): TimestampToken {
  const answer = inside(elementOf(Buffer.from(response)), SEQUENCE);
  const [status] = inside(answer[0], SEQUENCE);
  if (!GRANTED.has(hexOf(status))) throw new LogError("mismatch", `the authority refused it: status ${hexOf(status)}`);
  const [type, wrapped] = inside(answer[1], SEQUENCE, 2);
  const [signed] = inside(wrapped, EXPLICIT, 1);
  const parts = inside(signed, SEQUENCE);
  const [contentType, content] = inside(parts[2], SEQUENCE, 2);
  const [octets] = inside(content, EXPLICIT, 1);
  const [signer] = inside(parts.slice(3).at(-1), SET, 1);
  if (answer.length !== 2 || hexOf(type) !== SIGNED_DATA || hexOf(contentType) !== TIME_STAMP_INFO)
    throw new LogError("mismatch", "it is no time stamp of one signer");
  const info = as(octets, OCTETS).content;
  return { info, ...infoOf(info), ...signedBy(signer) };
}

/** RFC 3161, 2.4.2. */
function infoOf(info: Buffer): StampedInfo {
  const [version, , imprint, , genTime, ...optional] = inside(elementOf(info), SEQUENCE);
  const [algorithm, hash] = inside(imprint, SEQUENCE, 2);
  if (hexOf(version) !== "020101") throw new LogError("mismatch", "it is of another version than 1");
  return {
    imprint: { digest: digestOf(algorithm, "of a text"), hash: as(hash, OCTETS).content },
    time: timeOf(as(genTime, GENERALIZED_TIME).content.toString("latin1")),
    nonce: optional.find(({ tag }) => tag === INTEGER)?.whole,
  };
}

/** RFC 5652, 5.3. */
function signedBy(signer: Part | undefined): Signed {
  const fields = inside(signer, SEQUENCE);
  const [, , by, attributes, algorithm, signature] = fields;
  if (fields.length > 7) throw new LogError("mismatch", "it is no time stamp of one signer");
  if (!ALGORITHMS.has(hexOf(inside(algorithm, SEQUENCE)[0])))
    throw new LogError("mismatch", "it is signed by another algorithm than RSA (PKCS #1 v1.5) or ECDSA");
  const named = inside(attributes, EXPLICIT);
  if (hexOf(attributeOf(named, CONTENT_TYPE)) !== TIME_STAMP_INFO)
    throw new LogError("mismatch", "what is signed is no time stamp");
  return {
    digest: digestOf(by, "signed"),
    attributes: Buffer.concat([Buffer.of(SET), as(attributes, EXPLICIT).whole.subarray(1)]),
    signature: as(signature, OCTETS).content,
    messageDigest: as(attributeOf(named, MESSAGE_DIGEST), OCTETS).content,
    certificates: [SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2].flatMap((name) => {
      const value = attributeOf(named, name);
      return value === undefined ? [] : [certificateOf(value, name === SIGNING_CERTIFICATE_V2)];
    }),
  };
}

/** Of an attribute that has one value and is there once (RFC 5652, 11); undefined: it is not there. */
function attributeOf(attributes: readonly Part[], name: string): Part | undefined {
  const [found, ...others] = attributes.filter((each) => hexOf(inside(each, SEQUENCE, 2)[0]) === name);
  if (others.length > 0) throw new LogError("mismatch", "an attribute of it is there twice");
  return found && inside(inside(found, SEQUENCE)[1], SET, 1)[0];
}

function certificateOf(value: Part, isV2: boolean): CertificateHash {
  const [certificates] = inside(value, SEQUENCE);
  const [first] = inside(certificates, SEQUENCE);
  const fields = inside(first, SEQUENCE);
  const isNamed = isV2 && fields[0]?.tag === SEQUENCE;
  const digest = isNamed ? digestOf(fields[0], "of a certificate") : isV2 ? "sha256" : "sha1";
  return { digest, hash: as(fields[isNamed ? 1 : 0], OCTETS).content };
}

function digestOf(algorithm: Part | undefined, what: string): StampDigest {
  const digest = DIGESTS.get(hexOf(inside(algorithm, SEQUENCE)[0]));
  if (digest === undefined)
    throw new LogError("mismatch", `it is ${what} by another digest than SHA-256, SHA-384 or SHA-512`);
  return digest;
}

/** Of any fraction: zeros at its end (RFC 3161, 2.4.2, has none) change nothing. */
function timeOf(text: string): string {
  const [, year, month, day, hour, minute, second, fraction = ""] = TIME.exec(text) ?? [];
  const time = `${year}-${month}-${day}T${hour}:${minute}:${second}.${`${fraction}000`.slice(0, 3)}Z`;
  const ms = Date.parse(time);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== time)
    throw new LogError("mismatch", "it is of no time in UTC");
  return time;
}

function hexOf(part: Part | undefined): string {
  return part?.whole.toString("hex") ?? "";
}

const INTEGER = 0x02;
const GENERALIZED_TIME = 0x18;
const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d+))?Z$/;
/** As INTEGER: granted, with modifications or not. */
const GRANTED = new Set(["020100", "020101"]);
/** OBJECT IDENTIFIERs, each with tag and length. */
const SIGNED_DATA = "06092a864886f70d010702";
const TIME_STAMP_INFO = "060b2a864886f70d0109100104";
const CONTENT_TYPE = "06092a864886f70d010903";
const MESSAGE_DIGEST = "06092a864886f70d010904";
const SIGNING_CERTIFICATE = "060b2a864886f70d010910020c";
const SIGNING_CERTIFICATE_V2 = "060b2a864886f70d010910022f";
/** RFC 5754, 2. */
const DIGESTS = new Map<string, StampDigest>([
  ["0609608648016503040201", "sha256"],
  ["0609608648016503040202", "sha384"],
  ["0609608648016503040203", "sha512"],
]);
/** rsaEncryption, shaXWithRSAEncryption, ecdsa-with-SHAX (RFC 5754, 3): nobody signed which; the digest is the signer's. */
const ALGORITHMS = new Set([
  ...["01", "0b", "0c", "0d"].map((last) => `06092a864886f70d0101${last}`),
  ...["02", "03", "04"].map((last) => `06082a8648ce3d0403${last}`),
]);
