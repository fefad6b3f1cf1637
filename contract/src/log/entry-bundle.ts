import { LogError } from "./log-error.ts";

const LENGTH_BYTES = 2;
const MAX_BYTES = 0xffff;

/** Entries one after the other, each after its length as a big-endian uint16 (https://c2sp.org/tlog-tiles, "Log entries"). */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    if (entry.length > MAX_BYTES) throw new RangeError(`an entry of ${entry.length} bytes does not fit a bundle`);
    at = bytes.writeUInt16BE(entry.length, at);
    bytes.set(entry, at);
    at += entry.length;
  }
  return bytes;
}

/** The entries of a bundle, as views of its bytes. @throws LogError `malformed` when the last one is cut. */
export function decodeEntryBundle(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const begin = at + LENGTH_BYTES;
    const end = begin > bytes.length ? begin : begin + view.getUint16(at);
    if (end > bytes.length)
      throw new LogError("malformed", `entry ${entries.length} of the bundle is cut at byte ${at}`);
    entries.push(bytes.subarray(begin, end));
    at = end;
  }
  return entries;
}
