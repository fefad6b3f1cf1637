import { randomInt } from "node:crypto";
import { type FileHandle, open, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { syncDirectory } from "../durable/directory-sync.ts";
import { fileError, nullWhenAbsent } from "../durable/file-error.ts";
import { StorageError } from "../error.ts";

/** Bytes before the first frame: magic, salt, first seq, CRC. */
export const SEGMENT_HEADER_BYTES = 24;
const MAGIC = Buffer.from("RLSEG1\0\0");
const NAME = /^(\d{16})\.segment$/;

export interface Segment {
  path: string;
  firstSeq: number;
}

/** All segments of a journal, oldest first. A journal that was never written has none. */
export async function listSegments(dir: string): Promise<Segment[]> {
  const names = (await readdir(dir).catch(nullWhenAbsent(dir))) ?? [];
  return names
    .flatMap((name) => {
      const match = NAME.exec(name);
      return match ? [{ path: join(dir, name), firstSeq: Number(match[1]) }] : [];
    })
    .sort((a, b) => a.firstSeq - b.firstSeq);
}

/** Where the segment that begins with `firstSeq` lies. */
export function segmentPath(dir: string, firstSeq: number): string {
  return join(dir, `${String(firstSeq).padStart(16, "0")}.segment`);
}

/**
 * Makes an empty segment. It appears under its name with its header fsynced, or not at all; that it exists tells readers that all
 * frames before `firstSeq` are durable. A crash before the rename leaves a `.new` file that the next segment overwrites.
 */
export async function createSegment(dir: string, firstSeq: number): Promise<{ handle: FileHandle; salt: number }> {
  const path = segmentPath(dir, firstSeq);
  const salt = randomInt(1, 2 ** 32);
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(salt, 8);
  header.writeBigUInt64LE(BigInt(firstSeq), 12);
  header.writeUInt32LE(crc32(header.subarray(0, 20)), 20);
  const handle = await open(join(dir, "segment.new"), "w").catch((cause: unknown) => {
    throw fileError(dir, cause);
  });
  try {
    await handle.write(header, 0, header.length, 0);
    await handle.sync();
    await rename(join(dir, "segment.new"), path);
    await syncDirectory(dir);
  } catch (cause) {
    await handle.close();
    throw fileError(dir, cause);
  }
  return { handle, salt };
}

/** The salt of a segment. @throws StorageError `damaged` when the header is not what it must be. */
export function readSegmentSalt(header: Buffer, segment: Segment): number {
  const valid =
    header.length >= SEGMENT_HEADER_BYTES &&
    header.subarray(0, MAGIC.length).equals(MAGIC) &&
    header.readUInt32LE(20) === crc32(header.subarray(0, 20)) &&
    header.readBigUInt64LE(12) === BigInt(segment.firstSeq);
  if (!valid) throw damaged(segment.path, 0, "the segment's header is not valid");
  return header.readUInt32LE(8);
}

/** The one way to say that a disk does not let us at the journal, and what to do about it. Damage, and a lack of room, have their own words. */
export function unreachable(path: string, cause: unknown): StorageError {
  const error = fileError(path, cause);
  if (error.code === "full" || error.code === "damaged") return error;
  const why = cause instanceof Error ? cause.message : String(cause);
  const cure =
    error.code === "rejected"
      ? "Give the user that runs Runledger read and write access to the journal directory, then start again."
      : "Look into the kernel's log for what the disk says, mend it and start again. If it stays so, copy the journal directory to a sound disk as far as it can be " +
        "read (ddrescue) and put the copy in its place, or move it aside to start with an empty one, and keep it for repair.";
  const what = `${path} can't be read and made fit for going on: ${why}. It may hold acknowledged data, so nothing is skipped and nothing was changed.`;
  return new StorageError(error.code, `${what} ${cure}`, cause);
}

/** The one way to say that committed bytes can't be read. */
export function damaged(path: string, offset: number, what: string): StorageError {
  return new StorageError(
    "damaged",
    `journal file ${path} is damaged at byte ${offset}: ${what}. Acknowledged data is affected, so nothing is skipped. ` +
      "Restore the file from a copy, or move the whole journal directory aside to start with an empty one, and keep it for repair.",
  );
}
