import { join } from "node:path";
import { createAuditSink, createSeenRecords, type NormalizedFrame, type Sink } from "@runledger/collector";
import { readEntries, unverifiedCheckpoint, verifyShard } from "@runledger/contract";
import {
  type JournalReader,
  loadOrCreateSigningKey,
  type Objects,
  openJournalCursor,
  openJournalReader,
  openJournalWriter,
  openKeyring,
  openOrCreateKeyring,
  type SigningKey,
  StorageError,
} from "@runledger/storage";
import { pino } from "pino";
import { frameOf, SHARD } from "../tamper/sample-log.ts";

/** What a client sends: so many records, which `number` makes out. Sent twice it is the same records. */
export interface Request {
  number: number;
  records: number;
}

/** A collector without network and ClickHouse: the journal, and the audit sink that follows it. */
export interface SmallCollector {
  /** Acknowledged when it resolves. */
  append(request: Request): Promise<void>;
  /** Carries everything that is in the journal into the log. @throws what ends a collector. */
  follow(): Promise<void>;
  removeFinishedSegments(): Promise<number>;
  close(): Promise<void>;
}

export interface SmallCollectorPlaces {
  /** Of journal and keys. */
  dir: string;
  objects: Objects;
  /** Contents are sealed. */
  seals: boolean;
  /** A failed batch is tried so often; in the product it is for ever. */
  attempts: number;
  segmentBytes?: number;
  /** Segments also end, and go away, as time goes by. */
  segmentAgeMs?: number;
  /** Records whose repetition is noticed. */
  seenRecords?: number;
  /** Another one than the file's, for who looks over its shoulder. */
  keyOf?: (key: SigningKey) => SigningKey;
  /** Of what a request is received at. */
  clock: () => bigint;
}

export const ORIGIN = `runledger.local/small/${SHARD}`;
const MAX_BATCH_BYTES = 20_000;
const NEVER_MS = 2 ** 31 - 1;
const SEEN_RECORDS = 10_000;

/** The normal start, which is the start after a crash too. */
export async function openSmallCollector(places: SmallCollectorPlaces): Promise<SmallCollector> {
  const { dir, objects, seals, attempts, clock } = places;
  const { segmentBytes = 1_024, segmentAgeMs = NEVER_MS, seenRecords = SEEN_RECORDS, keyOf = (key) => key } = places;
  const journalDir = join(dir, "journal");
  const writer = await openJournalWriter(journalDir, {
    followers: ["audit"],
    segmentBytes,
    segmentAgeMs,
    removeEveryMs: segmentAgeMs,
    warn: () => undefined,
  });
  const key = keyOf(await signingKey(dir));
  const keys = seals ? (await openOrCreateKeyring(objects, masterKey(dir))).writer() : null;
  const seen = createSeenRecords(seenRecords);
  const cursor = openJournalCursor(journalDir, "audit");
  const sink = createAuditSink(
    { objects, key, keys, cursor, seen, logger: pino({ level: "silent" }) },
    { shard: SHARD, writer: dir },
  );
  const reader = openJournalReader(journalDir);
  let nextSeq: number | null = null;
  return {
    append: async ({ number, records }) => {
      const body = Buffer.from(JSON.stringify({ number, records }).padEnd(records * 100));
      const kind = { signal: "traces", format: "json", encoding: "identity", tenant: "default" } as const;
      await writer.append({ ...kind, receivedUnixNano: clock(), body });
    },
    follow: async () => {
      nextSeq ??= (await trying(attempts, () => sink.open())).nextSeq;
      nextSeq = await followFrom(nextSeq, reader, sink, attempts, seals);
    },
    removeFinishedSegments: () => writer.removeFinishedSegments(),
    close: async () => {
      await sink.close();
      await reader.close();
      await writer.close();
    },
  };
}

async function followFrom(from: number, reader: JournalReader, sink: Sink, attempts: number, seals: boolean) {
  let nextSeq = from;
  for (;;) {
    const frames = await reader.read(nextSeq, MAX_BATCH_BYTES);
    if (frames.length === 0) return nextSeq;
    const batch = frames.map(({ seq, body }) => normalized(seq, JSON.parse(Buffer.from(body).toString()), seals));
    await trying(attempts, () => sink.write(batch));
    nextSeq += frames.length;
  }
}

function normalized(seq: number, { number, records }: Request, withContent: boolean): NormalizedFrame {
  const frame = frameOf(number, records);
  return {
    ...frame,
    seq,
    records: withContent ? frame.records : frame.records.map((record) => ({ ...record, content: {} })),
  };
}

async function trying<Result>(attempts: number, act: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof StorageError && error.retryable) || attempt === attempts) throw error;
    }
  }
}

const signingKey = (dir: string): Promise<SigningKey> => loadOrCreateSigningKey(join(dir, "log.key"), ORIGIN);
const masterKey = (dir: string) => ({ file: join(dir, "master.key") });

/** What is wrong with the log, with the keys of the contents at hand; null when nothing is, and every acknowledged record stands in it once. */
export async function faultOf(
  { dir, objects, seals }: Pick<SmallCollectorPlaces, "dir" | "objects" | "seals">,
  acknowledged: Iterable<Request>,
  verifierKey?: string,
): Promise<string | null> {
  const wanted = new Set([...acknowledged].flatMap(({ number, records }) => stepIds(number, records)));
  const read = (path: string): Promise<Uint8Array | null> => objects.read(`log/${SHARD}/${path}`);
  const note = await read("checkpoint");
  if (note === null) return wanted.size === 0 ? null : `there is no log, ${wanted.size} records are lost`;
  const keyring = seals ? await openKeyring(objects, masterKey(dir)) : null;
  const { verdict, findings } = await verifyShard(objects, SHARD, {
    verifierKeys: [verifierKey ?? (await signingKey(dir)).verifierKey],
    ...(keyring === null ? {} : { findKey: keyring.reader() }),
  });
  if (verdict !== "VERIFIED" || findings.length > 0) return `${verdict}: ${JSON.stringify(findings.slice(0, 3))}`;
  const { size } = unverifiedCheckpoint(note);
  const found = new Map<string, number>();
  for await (const { entry } of readEntries(read, 0, size, size)) {
    const id: string = JSON.parse(Buffer.from(entry).toString()).step_id;
    found.set(id, (found.get(id) ?? 0) + 1);
  }
  const lost = [...wanted].filter((id) => !found.has(id));
  if (lost.length > 0) return `${lost.length} acknowledged records are lost, ${lost[0]} among them`;
  const twice = [...found].filter(([, times]) => times > 1);
  return twice.length > 0
    ? `${twice.length} records stand in the log more than once, ${twice[0]?.[0]} among them`
    : null;
}

function stepIds(number: number, records: number): string[] {
  return frameOf(number, records).records.map(({ facts }) => facts.step_id);
}
