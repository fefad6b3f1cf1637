import { createHash, randomBytes } from "node:crypto";
import { parseTimestamp } from "@runledger/contract";

/** Asks a time stamping authority (RFC 3161, over HTTP: section 3.4) when some bytes existed. */
export interface TimestampClient {
  /** The whole TimeStampResp, DER. @throws Error when it is refused, does not come in time, or is of something else. */
  stamp(bytes: Uint8Array): Promise<{ token: Uint8Array; time: Date }>;
}

const TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const NONCE_BYTES = 16;
/** id-sha256, 2.16.840.1.101.3.4.2.1, with NULL parameters. */
const SHA256_ALGORITHM = Buffer.from("300d06096086480165030402010500", "hex");

export function createTimestampClient(url: string, timeoutMs: number = TIMEOUT_MS): TimestampClient {
  return {
    stamp: async (bytes) => {
      const digest = createHash("sha256").update(bytes).digest();
      const nonce = positive(randomBytes(NONCE_BYTES));
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/timestamp-query" },
        body: new Uint8Array(timestampRequest(digest, nonce)),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: "error",
      });
      if (!response.ok) throw new Error(`the time stamping authority answered ${response.status}`);
      const token = Buffer.from(await response.arrayBuffer());
      if (token.length > MAX_ANSWER_BYTES) throw new Error("the time stamp is too large");
      return { token, time: timeIn(token, digest, nonce) };
    },
  };
}

/** TimeStampReq, RFC 3161, section 2.4.1, in DER; `certReq`, so that the answer brings the authority's certificate. */
export function timestampRequest(sha256: Uint8Array, nonce: Uint8Array): Buffer {
  const imprint = der(0x30, Buffer.concat([SHA256_ALGORITHM, der(0x04, sha256)]));
  const version = der(0x02, Buffer.of(1));
  return der(0x30, Buffer.concat([version, imprint, der(0x02, nonce), der(0x01, Buffer.of(0xff))]));
}

/** Whose certificate signs is for the one who verifies; here only what was asked for counts. @throws Error. */
function timeIn(token: Uint8Array, sha256: Uint8Array, nonce: Uint8Array): Date {
  const stamp = parseTimestamp(token);
  if (stamp.imprint.digest !== "sha256" || !stamp.imprint.hash.equals(sha256))
    throw new Error("the time stamp is of something else than what was sent");
  if (stamp.nonce === undefined || !stamp.nonce.equals(der(0x02, nonce)))
    throw new Error("the time stamp does not repeat the nonce: it may be an old one");
  return new Date(stamp.time);
}

/** Contents below 64 KiB. */
function der(tag: number, contents: Uint8Array): Buffer {
  const { length } = contents;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), contents]);
}

/** As DER writes a positive INTEGER of so many bytes: neither sign bit nor a leading zero. */
function positive(bytes: Buffer): Buffer {
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}
