import { type FileHandle, open } from "node:fs/promises";
import { StorageError } from "../error.ts";
import type { JournalFrame, JournalReader } from "./journal.ts";
import { isDeclaredDurable, scanFrames } from "./scan.ts";
import { damaged, listSegments, readSegmentSalt, SEGMENT_HEADER_BYTES, type Segment } from "./segment.ts";

export interface JournalReaderSettings {
  /** Least bytes asked of the file at a time. */
  chunkBytes?: number;
}

interface Position {
  segment: Segment;
  handle: FileHandle;
  salt: number;
  /** Of the frame `nextSeq`. */
  offset: number;
  nextSeq: number;
  /** Frames up to here are known to be fsynced. */
  durableSeq: number;
  /** The segment after this one, as of the last look. */
  successor: Segment | null;
}

/**
 * Opens a journal for reading, in any thread or process; the journal need not exist yet.
 * Bodies are views into buffers that nobody writes again.
 */
export function openJournalReader(dir: string, settings: JournalReaderSettings = {}): JournalReader {
  const chunkBytes = settings.chunkBytes ?? 1024 * 1024;
  let position: Position | null = null;

  async function moveTo(segment: Segment, durableSeq: number): Promise<Position> {
    await position?.handle.close();
    position = null;
    const handle = await open(segment.path, "r");
    const salt = await readAt(handle, 0, SEGMENT_HEADER_BYTES)
      .then((header) => readSegmentSalt(header, segment))
      .catch(async (error: unknown) => {
        await handle.close();
        throw error;
      });
    position = {
      ...{ segment, handle, salt, durableSeq },
      ...{ offset: SEGMENT_HEADER_BYTES, nextSeq: segment.firstSeq, successor: null },
    };
    return position;
  }

  /** Finds `seq` by reading its segment from the start; reading on from there never needs it again. Null: nothing is written yet. */
  async function seek(seq: number): Promise<Position | null> {
    const segments = await listSegments(dir);
    const [first] = segments;
    if (first === undefined) return null;
    if (seq < first.firstSeq)
      throw damaged(first.path, 0, `the journal begins with frame ${first.firstSeq}, frame ${seq} is gone`);
    // Who asks for `seq` has finished what comes before: that was durable, whether or not a marker outlived a power loss.
    const found = await moveTo(segments.findLast((segment) => segment.firstSeq <= seq) ?? first, seq - 1);
    while (found.nextSeq < seq) {
      const frames = await readCommitted(dir, found, chunkBytes, seq);
      if (frames.length > 0) continue;
      throw new StorageError(
        "damaged",
        `the journal in ${dir} ends before frame ${seq - 1}, though a follower has finished it`,
      );
    }
    return found;
  }

  return {
    async read(seq, maxBytes) {
      let at = position !== null && position.nextSeq === seq ? position : await seek(seq);
      while (at !== null) {
        const frames = await readCommitted(dir, at, Math.max(chunkBytes, maxBytes), Number.MAX_SAFE_INTEGER, maxBytes);
        if (frames.length > 0) return frames;
        // One that came up since is seen by the next look, after what was appended here before it.
        if (at.successor?.firstSeq !== at.nextSeq) return [];
        at = await moveTo(at.successor, at.nextSeq - 1);
      }
      return [];
    },
    async close() {
      await position?.handle.close();
      position = null;
    },
  };
}

/** Takes committed frames before `beforeSeq` and moves the position behind them: at most `maxBytes` of bodies, but at least one frame if there is one. */
async function readCommitted(
  dir: string,
  at: Position,
  chunkBytes: number,
  beforeSeq: number,
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<JournalFrame[]> {
  for (let wantBytes = chunkBytes; ; wantBytes *= 2) {
    // Asked before the file's size: a segment that has a successor does not grow any more.
    const successor = await successorOf(dir, at.segment);
    const { size } = await at.handle.stat();
    at.successor = successor;
    // Most often nothing came since.
    if (successor === null && size <= at.offset && at.durableSeq < at.nextSeq) return [];
    const bytes = await readAt(at.handle, at.offset, Math.min(wantBytes, Math.max(0, size - at.offset)));
    const scan = scanFrames(bytes, 0, at.nextSeq, at.salt);
    at.durableSeq = Math.max(at.durableSeq, scan.durableSeq, successor === null ? 0 : successor.firstSeq - 1);
    const frames = takeFrames(scan.frames, Math.min(at.durableSeq, beforeSeq - 1), maxBytes);
    if (frames.length > 0 || scan.frames.length === 0) {
      at.offset += frames.length === scan.frames.length ? scan.end : (scan.ends[frames.length - 1] ?? 0);
      at.nextSeq += frames.length;
    }
    if (frames.length > 0) return frames;
    if (bytes.length === wantBytes) continue;
    const lost = at.durableSeq >= scan.nextSeq || isDeclaredDurable(bytes, scan.end, scan.nextSeq, at.salt);
    if (lost && scan.nextSeq < beforeSeq) {
      throw damaged(at.segment.path, at.offset, `frame ${scan.nextSeq} is not valid, but was committed`);
    }
    return [];
  }
}

function takeFrames(frames: JournalFrame[], lastSeq: number, maxBytes: number): JournalFrame[] {
  let bytes = 0;
  const past = frames.findIndex((frame, index) => {
    bytes += frame.body.byteLength;
    return frame.seq > lastSeq || (index > 0 && bytes > maxBytes);
  });
  return past < 0 ? frames : frames.slice(0, past);
}

async function successorOf(dir: string, segment: Segment): Promise<Segment | null> {
  return (await listSegments(dir)).find((other) => other.firstSeq > segment.firstSeq) ?? null;
}

async function readAt(handle: FileHandle, offset: number, sizeBytes: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  const { bytesRead } = await handle.read(bytes, 0, sizeBytes, offset);
  return bytes.subarray(0, bytesRead);
}
