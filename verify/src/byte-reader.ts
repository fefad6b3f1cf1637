import { BrokenBundleError, type BundleFile } from "./bundle-file.ts";

const MAX_SINGLE_BYTES = 1024 * 1024;

/** A small file's content. @throws BrokenBundleError for a larger one. */
export async function wholeOf(file: BundleFile, limit: number = MAX_SINGLE_BYTES): Promise<Buffer> {
  if (file.sizeBytes > limit) throw new BrokenBundleError("TAMPERED", file.path, "it is larger than any such file");
  return await createByteReader(file.content).take(file.sizeBytes);
}

/** Takes a stream of bytes apart, a chunk of it in memory. */
export interface ByteReader {
  /** Up to `limit` bytes, at least one; null at the end. */
  some(limit: number): Promise<Uint8Array | null>;
  /** `length` bytes; fewer at the end. */
  take(length: number): Promise<Buffer>;
  /** The bytes up to the next newline, without it; null at the end. @throws RangeError when there is none within `limit` bytes. */
  line(limit: number): Promise<Buffer | null>;
}

const NEWLINE = 10;

export function createByteReader(input: AsyncIterable<Uint8Array>): ByteReader {
  const chunks = input[Symbol.asyncIterator]();
  let chunk: Uint8Array = Buffer.of();

  const more = async (): Promise<boolean> => {
    while (chunk.length === 0) {
      const next = await chunks.next();
      if (next.done === true) return false;
      chunk = next.value;
    }
    return true;
  };
  const cut = (length: number): Uint8Array => {
    const part = chunk.subarray(0, length);
    chunk = chunk.subarray(length);
    return part;
  };
  return {
    some: async (limit) => ((await more()) ? cut(limit) : null),
    async take(length) {
      const parts: Uint8Array[] = [];
      for (let left = length; left > 0 && (await more()); ) {
        const part = cut(left);
        left -= part.length;
        parts.push(part);
      }
      const [only] = parts;
      return parts.length === 1 && only !== undefined ? asBuffer(only) : Buffer.concat(parts);
    },
    async line(limit) {
      const parts: Uint8Array[] = [];
      let length = 0;
      while (await more()) {
        const end = chunk.indexOf(NEWLINE);
        const part = cut(end < 0 ? chunk.length : end);
        parts.push(part);
        length += part.length;
        if (length > limit) throw new RangeError(`a line is longer than ${limit} bytes`);
        if (end < 0) continue;
        cut(1);
        return Buffer.concat(parts);
      }
      return length === 0 ? null : Buffer.concat([...parts, Buffer.of(NEWLINE)]); // a last line without its end is none
    },
  };
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
