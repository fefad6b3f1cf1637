import { promisify } from "node:util";
import { createZstdCompress, deflateSync, gzipSync, zstdCompress, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { type Packing, unpackBody } from "./unpack.ts";

const MAX_BYTES = 64 * 1024 * 1024;

/** The most that is reserved at once, and last. */
async function reservedFor(
  body: Uint8Array,
  encoding: Packing,
): Promise<{ most: number; last: number; plain: number }> {
  const reserved: number[] = [];
  const plain = await unpackBody(body, encoding, MAX_BYTES, (bytes) => void reserved.push(bytes));
  return { most: Math.max(...reserved), last: reserved.at(-1) ?? 0, plain: plain.length };
}

/** As a sender does who streams: the frame does not tell its size. */
async function zstdStreamed(plain: Buffer): Promise<Buffer> {
  const stream = createZstdCompress();
  stream.write(plain.subarray(0, 1));
  stream.end(plain.subarray(1));
  return Buffer.concat(await stream.toArray());
}

test.each([200, 60_000, 200_000, 3_000_000])(
  "%i bytes that repeat reserve little more than they unpack to",
  async (size) => {
    const plain = Buffer.alloc(size, "the same again ");
    const told = [
      ["gzip", gzipSync(plain)],
      ["zstd", zstdCompressSync(plain)],
    ] as const;
    for (const [encoding, body] of told)
      expect(await reservedFor(body, encoding)).toEqual({ most: size, last: size, plain: size });
    const untold = [
      ["zstd", await zstdStreamed(plain)],
      ["zstd", await promisify(zstdCompress)(plain)],
      ["deflate", deflateSync(plain)],
    ] as const;
    for (const [encoding, body] of untold) {
      const { most, ...rest } = await reservedFor(body, encoding);
      expect(rest).toEqual({ last: size, plain: size });
      expect(most).toBeLessThanOrEqual(Math.max(65_536, 4 * size));
    }
  },
);

test("a frame that lies of its size, is cut, or unpacks to more than the limit is refused", async () => {
  const plain = Buffer.alloc(100_000, "x");
  const lying = Buffer.from(zstdCompressSync(plain));
  // Single segment, four bytes of size (RFC 8878, 3.1.1.1).
  expect(lying.readUInt32LE(5)).toBe(plain.length);
  lying.writeUInt32LE(plain.length / 10, 5);
  await expect(reservedFor(lying, "zstd")).rejects.toMatchObject({ code: "malformed" });
  const bomb = zstdCompressSync(Buffer.alloc(MAX_BYTES + 1));
  await expect(reservedFor(bomb, "zstd")).rejects.toMatchObject({ code: "too_large" });
  for (let cut = 0; cut < 12; cut++)
    await expect(reservedFor(lying.subarray(0, cut), "zstd")).rejects.toMatchObject({ code: "malformed" });
});
