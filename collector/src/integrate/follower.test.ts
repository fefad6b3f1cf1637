import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileJournalWriter, openJournalReader, openJournalWriter, StorageError } from "@runledger/storage";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { NormalizedFrame } from "../normalize/normalized.ts";
import { type Follower, startFollower } from "./follower.ts";
import { createNormalizedFrames, type NormalizedFrames } from "./normalized-frames.ts";
import type { Sink } from "./sink.ts";

const SETTINGS = { maxBatchBytes: 100, lingerMs: 0, pollMs: 5, retryMinMs: 1, retryMaxMs: 5 };
const logger = pino({ level: "silent" });

let dir: string;
let journal: FileJournalWriter;
let frames: NormalizedFrames;
let normalized: number[];
const followers: Follower[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-follower-"));
  journal = await openJournalWriter(dir, { followers: [], warn: () => undefined });
  normalized = [];
  const normalize = ({ seq, body }: { seq: number; body: Uint8Array }): NormalizedFrame => {
    normalized.push(seq);
    return { seq, records: [], bodyBytes: body.byteLength };
  };
  frames = createNormalizedFrames(() => openJournalReader(dir), normalize, { maxKeptBytes: 10_000 });
});

afterEach(async () => {
  await Promise.all(followers.splice(0).map((follower) => follower.stop()));
  await frames.close();
  await journal.close();
  await rm(dir, { recursive: true });
});

async function append(count: number, bytes = 10): Promise<void> {
  const entry = { signal: "traces", format: "json", encoding: "identity", tenant: "t", receivedUnixNano: 1n } as const;
  await Promise.all(Array.from({ length: count }, () => journal.append({ ...entry, body: Buffer.alloc(bytes) })));
}

/** A machine at work with other things takes its time: what is waited for comes well before this. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 15_000, interval: 10 });

/** A sink that keeps what it was given; `fail` is asked before each write. */
function recordingSink(start: { nextSeq: number; mustEndAt: number | null }, fail?: (batch: number[]) => Error | null) {
  const batches: number[][] = [];
  const sink: Sink = {
    name: "audit",
    open: async () => start,
    write: async (batch) => {
      const seqs = batch.map((frame) => frame.seq);
      const error = fail?.(seqs) ?? null;
      if (error !== null) throw error;
      batches.push(seqs);
    },
    close: async () => undefined,
  };
  return { sink, batches, seqs: () => batches.flat() };
}

function follow(sink: Sink, onFatal: (error: unknown) => void = () => undefined): Follower {
  const follower = startFollower(sink, frames, { logger, random: () => 0.5, onFatal }, SETTINGS);
  followers.push(follower);
  return follower;
}

describe("a follower", () => {
  it("carries every frame into the sink, once and in order, also those that come later", async () => {
    const { sink, seqs } = recordingSink({ nextSeq: 1, mustEndAt: null });
    await append(5);
    follow(sink);
    await eventually(() => expect(seqs()).toEqual([1, 2, 3, 4, 5]));
    await append(3);
    await eventually(() => expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]));
  });

  it("keeps batches within their bound, and takes a larger frame alone", async () => {
    const { sink, batches } = recordingSink({ nextSeq: 1, mustEndAt: null });
    await append(25);
    await append(1, 500);
    await append(1);
    follow(sink);
    await eventually(() => expect(batches.flat()).toHaveLength(27));
    expect(Math.max(...batches.map((batch) => batch.length))).toBe(10);
    expect(batches).toContainEqual([26]);
  });

  it("gives the batch that a crash left in doubt exactly as it was, then goes on", async () => {
    const { sink, batches } = recordingSink({ nextSeq: 3, mustEndAt: 6 });
    await append(9);
    follow(sink);
    await eventually(() => expect(batches.flat().at(-1)).toBe(9));
    expect(batches[0]).toEqual([3, 4, 5]);
  });

  it("waits for frames of the batch in doubt that do not show yet", async () => {
    const { sink, batches } = recordingSink({ nextSeq: 1, mustEndAt: 3 });
    const fatal = vi.fn();
    follow(sink, fatal);
    await append(1);
    await eventually(() => expect(normalized).toEqual([1]));
    await append(2);
    await eventually(() => expect(batches.flat()).toEqual([1, 2, 3]));
    expect(batches[0]).toEqual([1, 2]);
    expect(fatal).not.toHaveBeenCalled();
  });

  it("repeats the very same batch until it succeeds, and says what the trouble is meanwhile", async () => {
    let away = true;
    const seen: string[] = [];
    const { sink, seqs } = recordingSink({ nextSeq: 1, mustEndAt: null }, (batch) => {
      seen.push(batch.join());
      return away ? new StorageError("unavailable", "store is away") : null;
    });
    await append(3);
    const follower = follow(sink);
    await eventually(() => expect(String(follower.trouble())).toContain("store is away"));
    await append(3);
    await eventually(() => expect(seen.length).toBeGreaterThan(3));
    away = false;
    await eventually(() => expect(seqs()).toEqual([1, 2, 3, 4, 5, 6]));
    expect(new Set(seen.slice(0, -1)).size).toBe(1);
    expect(follower.trouble()).toBeNull();
  });

  it("stops for good, loudly, rather than leave a hole", async () => {
    const { sink, seqs } = recordingSink(
      { nextSeq: 1, mustEndAt: null },
      () => new StorageError("damaged", "the log disagrees"),
    );
    const onFatal = vi.fn();
    await append(3);
    const follower = follow(sink, onFatal);
    await eventually(() => expect(onFatal).toHaveBeenCalledOnce());
    expect(follower.trouble()).toContain("the log disagrees");
    expect(seqs()).toEqual([]);
  });

  it("is held up by nobody else's trouble, and shares the normal form with who keeps pace", async () => {
    const dead = recordingSink({ nextSeq: 1, mustEndAt: null }, () => new StorageError("unavailable", "down"));
    const alive = recordingSink({ nextSeq: 1, mustEndAt: null });
    const behind = recordingSink({ nextSeq: 1, mustEndAt: null });
    follow(dead.sink);
    follow(alive.sink);
    await append(20);
    await eventually(() => expect(alive.seqs()).toHaveLength(20));
    expect(normalized).toHaveLength(20);
    follow(behind.sink);
    await eventually(() => expect(behind.seqs()).toEqual(alive.seqs()));
  });
});

describe("the shared normal form", () => {
  it("keeps no more than its bound, and reads again for a follower further behind", async () => {
    await append(30, 1_000);
    const ahead: number[] = [];
    for (let seq = 1; seq <= 30; ) {
      const read = await frames.read(seq, 2_000);
      ahead.push(...read.map((frame) => frame.seq));
      seq += read.length;
    }
    expect(ahead).toHaveLength(30);
    const late: number[] = [];
    for (let seq = 1; seq <= 30; ) {
      const read = await frames.read(seq, 2_000);
      late.push(...read.map((frame) => frame.seq));
      seq += read.length;
    }
    expect(late).toEqual(ahead);
    expect(normalized.length).toBeGreaterThanOrEqual(50);
  });

  it("unpacks no more than was asked for, however small the bodies lie in the journal, and leaves none out", async () => {
    await append(10);
    const unpacked: number[] = [];
    const packed = createNormalizedFrames(
      () => openJournalReader(dir),
      ({ seq }) => {
        unpacked.push(seq);
        return { seq, records: [], bodyBytes: 1_000 };
      },
      { maxKeptBytes: 0 },
    );
    expect((await packed.read(1, 3_000)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(unpacked).toEqual([1, 2, 3]);
    expect((await packed.read(4, 100)).map(({ seq }) => seq)).toEqual([4]);
    expect((await packed.read(2, 1_000)).map(({ seq }) => seq)).toEqual([2]);
    expect((await packed.read(5, 10_000)).map(({ seq }) => seq)).toEqual([5, 6, 7, 8, 9, 10]);
    await packed.close();
  });
});
