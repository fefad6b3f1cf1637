import type { JournalFrame, JournalReader } from "@runledger/storage";
import type { NormalizedFrame } from "../normalize/normalized.ts";

/** The journal in normal form, shared by its followers so that a frame is normalised once while they keep pace. */
export interface NormalizedFrames {
  /** Frames from `seq` on, at most `maxBytes` of bodies but at least one if there is one; [] when there is none yet. */
  read(seq: number, maxBytes: number): Promise<NormalizedFrame[]>;
  close(): Promise<void>;
}

export interface NormalizedFramesSettings {
  /** Bodies whose normal form is kept for the follower behind, bytes. */
  maxKeptBytes: number;
}

/**
 * One reader goes along the journal's head and keeps what it normalised; a follower that is further behind than that
 * reads with the second one, until it has caught up.
 */
export function createNormalizedFrames(
  openReader: () => JournalReader,
  normalize: (frame: JournalFrame) => NormalizedFrame,
  settings: NormalizedFramesSettings,
): NormalizedFrames {
  const head = createNormalizer(openReader(), normalize);
  const behind = createNormalizer(openReader(), normalize);
  const kept = new Map<number, NormalizedFrame>();
  let keptBytes = 0;
  let headSeq: number | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  const keep = (frame: NormalizedFrame) => {
    kept.set(frame.seq, frame);
    keptBytes += frame.bodyBytes;
    for (const [seq, old] of kept) {
      if (keptBytes <= settings.maxKeptBytes || seq === frame.seq) return;
      kept.delete(seq);
      keptBytes -= old.bodyBytes;
    }
  };

  const readNow = async (seq: number, maxBytes: number): Promise<NormalizedFrame[]> => {
    const found = takeKept(kept, seq, maxBytes);
    if (found.length > 0) return found;
    headSeq ??= seq;
    if (seq < headSeq) return behind.read(seq, maxBytes);
    const frames = await head.read(seq, maxBytes);
    for (const frame of frames) keep(frame);
    headSeq = (frames.at(-1)?.seq ?? seq - 1) + 1;
    return frames;
  };

  return {
    read(seq, maxBytes) {
      const result = turn.then(() => readNow(seq, maxBytes));
      turn = result.catch(() => undefined); // the caller gets the rejection; the next turn only waits for this one
      return result;
    },
    async close() {
      await turn;
      await Promise.all([head.close(), behind.close()]);
    },
  };
}

/**
 * Reads and normalises. The journal counts bodies as they came, packed perhaps a hundredfold: no more of them is unpacked than `maxBytes`, and what was
 * read beyond that waits for its turn.
 */
function createNormalizer(
  reader: JournalReader,
  normalize: (frame: JournalFrame) => NormalizedFrame,
): NormalizedFrames {
  let waiting: JournalFrame[] = [];
  return {
    async read(seq, maxBytes) {
      if (waiting[0]?.seq !== seq) waiting = await reader.read(seq, maxBytes);
      const frames: NormalizedFrame[] = [];
      let bytes = 0;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const frame = normalize(next);
        frames.push(frame);
        bytes += frame.bodyBytes;
        if (bytes >= maxBytes) break;
      }
      return frames;
    },
    close: () => reader.close(),
  };
}

function takeKept(kept: ReadonlyMap<number, NormalizedFrame>, seq: number, maxBytes: number): NormalizedFrame[] {
  const frames: NormalizedFrame[] = [];
  let bytes = 0;
  for (let frame = kept.get(seq); frame !== undefined; frame = kept.get(seq + frames.length)) {
    bytes += frame.bodyBytes;
    if (bytes > maxBytes && frames.length > 0) break;
    frames.push(frame);
  }
  return frames;
}
