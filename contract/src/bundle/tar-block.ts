import { LogError } from "../log/log-error.ts";

/** Headers and contents of a tar come in blocks of so many bytes. */
export const TAR_BLOCK_BYTES = 512;
/** Sizes from here on are written in binary. */
const MAX_OCTAL_SIZE = 8 ** 11;
const PATH_BYTES = 100;

/** The one ustar header that a bundle has for a file (docs/bundle.md, "The tar"): no times, owners or other choices. */
export function tarHeader(path: string, size: number): Uint8Array {
  if (!/^[\x21-\x7e]+$/.test(path) || path.length > PATH_BYTES) throw new RangeError(`no path of a bundle: ${path}`);
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`no size of a file: ${size}`);
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  block.write(path, 0, "latin1");
  block.write("0000644\x000000000\x000000000\x00", 100, "latin1");
  if (size < MAX_OCTAL_SIZE) block.write(`${size.toString(8).padStart(11, "0")}\x00`, 124, "latin1");
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  block.write(`${"0".repeat(11)}\x00        0`, 136, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\x00 `, 148, "latin1");
  return block;
}

/** Zeros that fill a content up to whole blocks. */
export function tarPadding(size: number): number {
  return (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

/** What a header says; null for a block of zeros. @throws LogError `malformed` unless it is, byte for byte, the one that `tarHeader` makes. */
export function parseTarHeader(block: Uint8Array): { path: string; size: number } | null {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (bytes.every((byte) => byte === 0)) return null;
  const end = bytes.indexOf(0);
  const path = bytes.toString("latin1", 0, end < 0 || end > PATH_BYTES ? PATH_BYTES : end);
  const octal = bytes.toString("latin1", 124, 135);
  const size = bytes[124] === 0x80 ? Number(bytes.readBigUInt64BE(128)) : Number.parseInt(octal, 8);
  if (!/^[\x21-\x7e]+$/.test(path) || !Number.isSafeInteger(size) || size < 0 || !bytes.equals(tarHeader(path, size)))
    throw new LogError("malformed", "a header of the tar is none that bundles have");
  return { path, size };
}
