import { decodeFrame, decodeFrameHeader, FRAME_MAGIC, hasValidContent } from "./frame.ts";
import type { JournalFrame } from "./journal.ts";

export interface Scan {
  /** Valid frames with ascending seq, from the start offset on. */
  frames: JournalFrame[];
  /** Offset behind each frame. */
  ends: number[];
  /** Offset behind the last valid frame or marker. */
  end: number;
  /** Highest seq that a header declares durable; 0 when none does. */
  durableSeq: number;
  /** Seq that comes next. */
  nextSeq: number;
}

/** Reads valid frames one after the other, from `offset` until the first byte that is not part of one. */
export function scanFrames(bytes: Buffer, offset: number, firstSeq: number, salt: number): Scan {
  const scan: Scan = { frames: [], ends: [], end: offset, durableSeq: 0, nextSeq: firstSeq };
  for (;;) {
    const header = decodeFrameHeader(bytes, scan.end, salt);
    if (header === null || !hasValidContent(bytes, scan.end, header, salt)) return scan;
    if (header.isMarker) {
      if (header.durableSeq >= scan.nextSeq) return scan;
    } else {
      const frame = header.seq === scan.nextSeq ? decodeFrame(bytes, scan.end, header) : null;
      if (frame === null) return scan;
      scan.frames.push(frame);
      scan.nextSeq += 1;
    }
    scan.end += header.sizeBytes;
    if (!header.isMarker) scan.ends.push(scan.end);
    scan.durableSeq = Math.max(scan.durableSeq, header.durableSeq);
  }
}

/** Does any valid header at or behind `offset` declare `seq` durable? Then what could not be read before it is damage, not a torn write. */
export function isDeclaredDurable(bytes: Buffer, offset: number, seq: number, salt: number): boolean {
  for (let at = bytes.indexOf(FRAME_MAGIC, offset); at >= 0; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
    const header = decodeFrameHeader(bytes, at, salt);
    if (header !== null && header.durableSeq >= seq) return true;
  }
  return false;
}
