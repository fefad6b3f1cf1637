import { generateKeyPairSync } from "node:crypto";
import { createAuditSink, createSeenRecords, type NormalizedFrame, type Sink } from "@runledger/collector";
import {
  createNoteSigner,
  formatVerifierKey,
  readEntries,
  unverifiedCheckpoint,
  verifyShard,
} from "@runledger/contract";
import type { JournalCursor, Objects, SigningKey } from "@runledger/storage";
import { pino } from "pino";
import { SHARD } from "../tamper/sample-log.ts";
import { createMemoryObjects, type MemoryObjects } from "./memory-objects.ts";

const ORIGIN = `runledger.local/two-writers/${SHARD}`;
const { privateKey } = generateKeyPairSync("ed25519");
export const VERIFIER_KEY = formatVerifierKey(ORIGIN, privateKey);

/** A collector's audit side with a journal of its own: what is in `frames` was acknowledged. */
export interface Collector {
  frames: readonly NormalizedFrame[];
  /** Survives what the sink does not. */
  cursor: JournalCursor;
  key: SigningKey;
}

/** Two that were started by mistake on one shard, with copies of one key: only the store is common. */
export function createCollectors(frames: readonly (readonly NormalizedFrame[])[]): {
  store: MemoryObjects;
  collectors: Collector[];
} {
  return {
    store: createMemoryObjects(),
    collectors: frames.map((own) => ({ frames: own, cursor: memoryCursor(), key: copyOfKey() })),
  };
}

/** Follows its journal to the end, a batch a frame, as the follower does; what can be tried again is. @throws what ends a collector. */
export async function follow({ frames, key }: Collector, objects: Objects, cursor: JournalCursor): Promise<void> {
  const seen = createSeenRecords(1_000);
  const logger = pino({ level: "silent" });
  const sink: Sink = createAuditSink({ objects, key, cursor, keys: null, seen, logger }, { shard: SHARD });
  const { nextSeq } = await untilItSucceeds(() => sink.open());
  for (const frame of frames) if (frame.seq >= nextSeq) await untilItSucceeds(() => sink.write([frame]));
}

async function untilItSucceeds<Result>(act: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Error && "retryable" in error && error.retryable === true)) throw error;
    }
  }
}

/** The verdict on the log, and its records' span ids in order. */
export async function outcomeOf(
  store: MemoryObjects,
): Promise<{ verdict: string; findings: unknown; spans: string[] }> {
  const { verdict, findings } = await verifyShard(store, SHARD, { verifierKeys: [VERIFIER_KEY] });
  const read = (path: string): Promise<Uint8Array | null> => store.read(`log/${SHARD}/${path}`);
  const note = await read("checkpoint");
  const spans: string[] = [];
  if (note === null) return { verdict, findings, spans };
  const { size } = unverifiedCheckpoint(note);
  for await (const { entry } of readEntries(read, 0, size, size))
    spans.push(JSON.parse(Buffer.from(entry).toString()).step_id);
  return { verdict, findings, spans };
}

export const spansOf = (frames: readonly NormalizedFrame[]): string[] =>
  frames.flatMap(({ records }) => records.map(({ facts }) => facts.step_id));

function memoryCursor(): JournalCursor {
  let at = 1;
  return {
    load: async () => at,
    save: async (next) => {
      at = Math.max(at, next);
    },
  };
}

function copyOfKey(): SigningKey {
  let kept: Uint8Array | null = null;
  return {
    origin: ORIGIN,
    verifierKey: VERIFIER_KEY,
    signer: createNoteSigner(ORIGIN, privateKey),
    signerFor: (purpose) => createNoteSigner(`${ORIGIN}/${purpose}`, privateKey),
    verifierKeyFor: (purpose) => formatVerifierKey(`${ORIGIN}/${purpose}`, privateKey),
    lastSigned: {
      load: async () => kept,
      save: async (note) => {
        kept = note;
      },
    },
  };
}
