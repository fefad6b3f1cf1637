import type { FileHandle } from "node:fs/promises";
import { open, readFile } from "node:fs/promises";
import { syncDirectory } from "../durable/directory-sync.ts";
import { encodeMarker } from "./frame.ts";
import { isDeclaredDurable, scanFrames } from "./scan.ts";
import {
  createSegment,
  damaged,
  listSegments,
  readSegmentSalt,
  SEGMENT_HEADER_BYTES,
  type Segment,
  unreachable,
} from "./segment.ts";

/** A torn write that was taken away: bytes behind the last whole frame, none of them ever acknowledged. */
export interface TornTail {
  path: string;
  offset: number;
  sizeBytes: number;
}

/** The segment that is written, and everything before it. */
export interface OpenSegment {
  handle: FileHandle;
  salt: number;
  path: string;
  /** Where the next write goes. */
  endBytes: number;
}

export interface RecoveredJournal {
  finished: (Segment & { sizeBytes: number })[];
  current: OpenSegment & Segment;
  lastSeq: number;
  torn: TornTail | null;
}

/**
 * Reads the whole journal and makes its end fit for appending. The normal start and the start after a crash are the same.
 * @throws StorageError `damaged` when bytes that were committed are not what they were; `unavailable` or `rejected` when the disk does not let us at them.
 */
export async function recoverJournal(dir: string): Promise<RecoveredJournal> {
  const segments = await listDurableSegments(dir).catch((cause: unknown) => {
    throw unreachable(dir, cause);
  });
  const last = segments.pop();
  if (last === undefined) {
    const created = await createSegment(dir, 1);
    const [current] = await listSegments(dir);
    if (current === undefined) throw damaged(dir, 0, "the segment just created is gone");
    return {
      finished: [],
      current: { ...current, ...created, endBytes: SEGMENT_HEADER_BYTES },
      lastSeq: 0,
      torn: null,
    };
  }
  const finished: RecoveredJournal["finished"] = [];
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1] ?? last;
    finished.push({ ...segment, sizeBytes: await checkFinishedSegment(segment, next.firstSeq) });
  }
  return { finished, ...(await recoverLastSegment(last)) };
}

async function listDurableSegments(dir: string): Promise<Segment[]> {
  const segments = await listSegments(dir);
  // The last process may have died between a rename and the directory's fsync. What is appended now is acknowledged: its segment's name must not be lost with the power.
  if (segments.length > 0) await syncDirectory(dir);
  return segments;
}

/** A segment that another one follows was fsynced to its end: every byte must be there. */
async function checkFinishedSegment(segment: Segment, nextFirstSeq: number): Promise<number> {
  const bytes = await bytesOf(segment);
  const scan = scanFrames(bytes, SEGMENT_HEADER_BYTES, segment.firstSeq, readSegmentSalt(bytes, segment));
  if (scan.nextSeq !== nextFirstSeq || scan.end !== bytes.length) {
    throw damaged(
      segment.path,
      scan.end,
      `no valid frame ${scan.nextSeq}, the next segment begins with ${nextFirstSeq}`,
    );
  }
  return bytes.length;
}

async function recoverLastSegment(segment: Segment): Promise<Omit<RecoveredJournal, "finished">> {
  const bytes = await bytesOf(segment);
  const salt = readSegmentSalt(bytes, segment);
  const scan = scanFrames(bytes, SEGMENT_HEADER_BYTES, segment.firstSeq, salt);
  if (isDeclaredDurable(bytes, scan.end, scan.nextSeq, salt)) {
    throw damaged(segment.path, scan.end, `frame ${scan.nextSeq} is not valid, but was committed`);
  }
  const torn =
    scan.end < bytes.length ? { path: segment.path, offset: scan.end, sizeBytes: bytes.length - scan.end } : null;
  const lastSeq = scan.nextSeq - 1;
  const marker = scan.frames.length > 0 && scan.durableSeq < lastSeq ? encodeMarker(lastSeq, salt) : Buffer.alloc(0);
  const handle = await open(segment.path, "r+").catch((cause: unknown) => {
    throw unreachable(segment.path, cause);
  });
  try {
    if (torn !== null) await handle.truncate(scan.end);
    // Whole frames that no marker covers may be in the page cache only: they become durable here, before a reader may see them.
    await handle.sync();
    if (marker.length > 0) await handle.write(marker, 0, marker.length, scan.end);
  } catch (cause) {
    await handle.close();
    throw unreachable(segment.path, cause);
  }
  return { current: { ...segment, handle, salt, endBytes: scan.end + marker.length }, lastSeq, torn };
}

async function bytesOf({ path }: Segment): Promise<Buffer> {
  return await readFile(path).catch((cause: unknown) => {
    throw unreachable(path, cause);
  });
}
