import { parseTarHeader, TAR_BLOCK_BYTES, tarPadding } from "@runledger/contract";
import { BrokenBundleError, type BundleFile } from "./bundle-file.ts";
import { type ByteReader, createByteReader } from "./byte-reader.ts";

/** The files of a bundle's tar, as they come. Only what `tarHeader` writes is read: no links, no other types, no names that lead elsewhere. @throws BrokenBundleError. */
export async function* tarFiles(input: AsyncIterable<Uint8Array>): AsyncGenerator<BundleFile> {
  const reader = createByteReader(input);
  let last: string | null = null;
  for (;;) {
    const header = await readHeader(reader, last);
    if (header === null) break;
    const { path, size } = header;
    let left = size;
    const content = (async function* () {
      while (left > 0) {
        const part = await reader.some(left);
        if (part === null) throw cutOff(path);
        left -= part.length;
        yield part;
      }
    })();
    yield { path, sizeBytes: size, content };
    for await (const _ of content); // what nobody looked at
    const padding = await reader.take(tarPadding(size));
    if (padding.length < tarPadding(size)) throw cutOff(path);
    if (padding.some((byte) => byte !== 0))
      throw new BrokenBundleError("TAMPERED", path, "what fills it up is not zero");
    last = path;
  }
  if ((await reader.some(1)) !== null)
    throw new BrokenBundleError("TAMPERED", "end of the tar", "there are bytes behind it");
}

async function readHeader(reader: ByteReader, last: string | null): Promise<{ path: string; size: number } | null> {
  const where = last === null ? "bundle" : `after ${last}`;
  const block = await reader.take(TAR_BLOCK_BYTES);
  if (block.length < TAR_BLOCK_BYTES) {
    if (last === null) throw new BrokenBundleError("UNREADABLE", where, "it is no bundle: too short for a tar");
    throw cutOff(where);
  }
  const header = parsed(block, last === null, where);
  if (header !== null) return header;
  if (last === null) throw new BrokenBundleError("UNREADABLE", where, "the tar is empty");
  const second = await reader.take(TAR_BLOCK_BYTES);
  if (second.length < TAR_BLOCK_BYTES) throw cutOff(where);
  if (second.some((byte) => byte !== 0))
    throw new BrokenBundleError("TAMPERED", where, "the end is not two empty blocks");
  return null;
}

function parsed(block: Uint8Array, isFirst: boolean, where: string): { path: string; size: number } | null {
  try {
    return parseTarHeader(block);
  } catch (cause) {
    const what = "this is no tar header that bundles have";
    throw new BrokenBundleError(isFirst ? "UNREADABLE" : "TAMPERED", where, what, { cause });
  }
}

function cutOff(where: string): BrokenBundleError {
  return new BrokenBundleError("INCOMPLETE", where, "the tar is cut off here");
}
