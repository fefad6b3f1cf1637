import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createPackReader,
  createPayloadReader,
  openCheckpoint,
  parseVerifierKey,
  type ReadPayload,
  type RunledgerRecord,
  readEntries,
  readMessages,
  readWholeRecord,
  record,
} from "@runledger/contract";
import {
  type JournalCursor,
  loadOrCreateSigningKey,
  type Objects,
  openKeyring,
  openObjects,
  openOrCreateKeyring,
  rotateMasterKey,
  type SigningKey,
  StorageError,
} from "@runledger/storage";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSeenRecords } from "../integrate/seen-records.ts";
import type { Sink } from "../integrate/sink.ts";
import type { Content, NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";
import { type AuditDependencies, type AuditSettings, createAuditSink } from "./audit-sink.ts";
import type { BatchCounts } from "./batch.ts";
import { openStagedLog } from "./staged-log.ts";

let directory: string;
let objects: Objects;
let key: SigningKey;
let cursor: JournalCursor & { at: number };
let counted: BatchCounts[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runledger-audit-"));
  objects = await openObjects(`file:${directory}/objects`);
  key = await loadOrCreateSigningKey(join(directory, "log.key"), "runledger.local/test/s0");
  cursor = {
    at: 1,
    load: async () => cursor.at,
    save: async (next) => {
      cursor.at = next;
    },
  };
  counted = [];
});
afterEach(() => rm(directory, { recursive: true }));

const masterKey = () => ({ file: join(directory, "master.key") });

async function openSink(
  changes: Partial<AuditDependencies> = {},
  settings: Partial<AuditSettings> = {},
): Promise<Sink> {
  const onBatch = (counts: BatchCounts): void => void counted.push(counts);
  const keys = (await openOrCreateKeyring(objects, masterKey())).writer();
  const dependencies = {
    objects,
    key,
    cursor,
    keys,
    seen: createSeenRecords(1000),
    logger: pino({ level: "silent" }),
    onBatch,
    ...changes,
  };
  const sink = createAuditSink(dependencies, { shard: "s0", ...settings });
  expect(await sink.open()).toEqual({ nextSeq: cursor.at, mustEndAt: null });
  return sink;
}

function normalized(
  span: number,
  content: Content = {},
  changes: Partial<NormalizedRecord["facts"]> = {},
): NormalizedRecord {
  const time = "2026-01-01T00:00:00.000000000Z";
  return {
    content,
    inputPreview: "",
    outputPreview: "",
    facts: {
      v: 1,
      record_id: span.toString(16).padStart(64, "0"),
      tenant: "default",
      event: "step",
      kind: "llm",
      name: "chat",
      operation: "chat",
      run_id: "r1",
      trace_id: "a".repeat(32),
      step_id: span.toString(16).padStart(16, "0"),
      parent_id: null,
      root: false,
      dialect: "otel",
      start_time: time,
      end_time: time,
      received_time: time,
      status: "ok",
      error: null,
      run_seq: span,
      run: {
        task_id: null,
        task_type: null,
        agent_name: "a",
        agent_version: null,
        session_id: null,
        user_id: null,
        heartbeat_interval_ms: null,
      },
      llm: null,
      tool: null,
      end: null,
      cost: null,
      attributes: { z: 1, a: "ü" },
      events: [],
      links: [],
      resource: { "service.name": "test" },
      scope: { name: "s", version: "1" },
      ...changes,
    },
  };
}

const frame = (seq: number, ...records: NormalizedRecord[]): NormalizedFrame => ({ seq, records, bodyBytes: 1000 });

async function logRecords(): Promise<RunledgerRecord[]> {
  const read = (path: string): Promise<Uint8Array | null> => objects.read(`log/s0/${path}`);
  const note = await read("checkpoint");
  if (note === null) return [];
  const { size } = openCheckpoint(note, [parseVerifierKey(key.verifierKey)]);
  const records: RunledgerRecord[] = [];
  for await (const { entry } of readEntries(read, 0, size, size))
    records.push(record.parse(JSON.parse(Buffer.from(entry).toString())));
  return records;
}

/** Batches can be staged, and not be published. */
function failCheckpoints(): void {
  const { compareAndSet } = objects;
  objects.compareAndSet = async (path, ...rest) => {
    if (path.endsWith("/checkpoint")) throw new StorageError("unavailable", "the store is away");
    return compareAndSet(path, ...rest);
  };
}

const packs = (): ReadPayload =>
  createPayloadReader(
    createPackReader((path, offset, length) => objects.readRange(path, offset, length), "s0"),
    async (ref, salt) => (await openKeyring(objects, masterKey()))?.reader()(ref, salt) ?? null,
  );

test("a log of another key is another collector's, and it is said what to do", async () => {
  const first = await openSink();
  await first.close();
  const begun = await openStagedLog(objects, "s0", key, "first");
  await begun.append(begun.plan([Buffer.from("{}")]));
  const another = await loadOrCreateSigningKey(join(directory, "another.key"), "runledger.local/another/s0");
  await expect(openSink({ key: another })).rejects.toMatchObject({
    code: "rejected",
    message: expect.stringContaining("Give this one another RUNLEDGER_SHARD"),
  });
});

test("records come into the log in order, and the log goes on after a restart", async () => {
  const first = await openSink();
  await first.write([frame(1, normalized(1), normalized(2)), frame(2, normalized(3))]);
  await first.close();
  const second = await openSink();
  await second.write([frame(3, ...Array.from({ length: 600 }, (_, i) => normalized(10 + i)))]);
  const records = await logRecords();
  expect(records.map(({ run_seq }) => run_seq)).toEqual([1, 2, 3, ...Array.from({ length: 600 }, (_, i) => 10 + i)]);
  expect(cursor.at).toBe(4);
});

test("a record that came before is dropped, after a restart too; another of the same span is kept and flagged", async () => {
  const first = await openSink();
  await first.write([frame(1, normalized(1), normalized(1), normalized(2))]);
  const second = await openSink();
  await second.write([
    frame(
      2,
      normalized(2),
      normalized(1, {}, { record_id: "f".repeat(64) }),
      normalized(1, {}, { record_id: "f".repeat(64) }),
    ),
  ]);
  expect((await logRecords()).map(({ step_id, conflict }) => [Number(step_id), conflict])).toEqual([
    [1, false],
    [2, false],
    [1, true],
  ]);
  expect(counted.map(({ records, duplicates, conflicts }) => [records, duplicates, conflicts])).toEqual([
    [2, 1, 0],
    [1, 2, 1],
  ]);
});

test("a batch of duplicates only moves the cursor", async () => {
  const sink = await openSink();
  await sink.write([frame(1, normalized(1))]);
  await sink.write([frame(2, normalized(1))]);
  expect(await logRecords()).toHaveLength(1);
  expect(cursor.at).toBe(3);
});

test("payloads are read back to the byte", async () => {
  const sink = await openSink();
  const content: Content = {
    system_prompt: '"be \\u00fcber\\/kind"',
    raw_response: "data: {x}\n\n",
    response: "[1.0, 2e3]",
  };
  await sink.write([frame(1, normalized(1, content))]);
  const [entry] = await logRecords();
  for (const name of ["system_prompt", "raw_response", "response"] as const) {
    const ref = entry?.payloads[name];
    expect(ref && Buffer.from(await packs()(ref)).toString()).toBe(content[name]);
  }
});

test("content is sealed under its subject's key, and no byte of it lies in the store; without keys it lies in the clear", async () => {
  const secret = "nobody else may read this";
  const of = (span: number, user_id: string | null) =>
    normalized(span, { response: JSON.stringify(secret) }, { run: { ...normalized(0).facts.run, user_id } });
  const sink = await openSink();
  await sink.write([frame(1, of(1, "alice"), of(2, "alice"), of(3, "bob"), of(4, null))]);
  const records = await logRecords();
  const refs = records.map(({ payloads }) => payloads.response);
  expect(refs[1]).toEqual(refs[0]);
  expect(new Set(refs.map((ref) => ref?.key_id)).size).toBe(3);
  expect(new Set(refs.map((ref) => ref?.sha256)).size).toBe(3);
  for (const ref of refs) expect(ref && Buffer.from(await packs()(ref)).toString()).toBe(JSON.stringify(secret));
  for await (const { path } of objects.list(""))
    expect(Buffer.from((await objects.read(path)) ?? []).includes(secret)).toBe(false);

  const clear = await openSink({ keys: null });
  await clear.write([frame(2, of(5, "alice"))]);
  const ref = (await logRecords()).at(-1)?.payloads.response;
  expect(ref?.key_id).toBeUndefined();
  expect(ref && Buffer.from(await packs()(ref)).toString()).toBe(JSON.stringify(secret));
});

test("a log goes on after a rotation of the master key that it was not stopped for: it stops by itself, and started again it takes the same frames", async () => {
  const of = (span: number, user_id: string) =>
    normalized(span, { response: `"of ${user_id}"` }, { run: { ...normalized(0).facts.run, user_id } });
  const sink = await openSink();
  await sink.write([frame(1, of(1, "alice"))]);
  await rotateMasterKey(objects, masterKey(), null, { time_ms: 1, by: "root", reason: null });
  const told = { code: "rejected", retryable: false, message: expect.stringContaining("Start it again with the new") };
  for (const frames of [[frame(2, of(2, "bob"))], [frame(2, of(2, "bob"))]])
    await expect(sink.write(frames)).rejects.toMatchObject(told);
  const again = await openSink();
  await again.write([frame(2, of(2, "bob"))]);
  const refs = (await logRecords()).map(({ payloads }) => payloads.response);
  const read = packs();
  const texts = await Promise.all(refs.map(async (ref) => ref && Buffer.from(await read(ref)).toString()));
  expect(texts).toEqual(['"of alice"', '"of bob"']);
});

test("what a subject says after its key was destroyed is sealed under another one, and is no difference to what came before", async () => {
  const text = (n: number) => JSON.stringify({ state: Array.from({ length: 200 }, (_, i) => `note ${i}`), n });
  const messages = (n: number) => Array.from({ length: n }, (_, i) => `{"role":"user","content":"${i}"}`);
  const sink = await openSink();
  await sink.write([frame(1, normalized(1, { input: text(1), messages: messages(3) }))]);
  const keyring = await openOrCreateKeyring(objects, masterKey());
  const [before] = await logRecords();
  await keyring.destroy([before?.payloads.input?.key_id ?? ""]);
  await sink.write([frame(2, normalized(2, { input: text(2), messages: messages(4) }))]);
  const after = (await logRecords()).at(-1);
  const read = packs();
  expect(after?.payloads.input && Buffer.from(await read(after.payloads.input)).toString()).toBe(text(2));
  expect(after?.payloads.messages && (await readMessages(read, after.payloads.messages))).toEqual(messages(4));
  await expect(before?.payloads.input && read(before.payloads.input)).rejects.toMatchObject({ code: "sealed" });
});

test.each([1, 7, 50])(
  "a history resent at each of 50 steps costs its new messages only, in batches of %i steps",
  async (stepsPerBatch) => {
    const sink = await openSink();
    const message = (i: number): string =>
      `{"role":"user", "parts":[{"type":"text","content":"${i} \\u0041 [\\"],{ ${"x".repeat(1000)}"}]}`;
    const history = Array.from({ length: 100 }, (_, i) => message(i));
    const steps = Array.from({ length: 50 }, (_, i) => normalized(i, { messages: history.slice(0, 2 * (i + 1)) }));
    for (let i = 0; i < 50; i += stepsPerBatch)
      await sink.write([frame(i + 1, ...steps.slice(i, i + stepsPerBatch))].map((f) => ({ ...f, seq: cursor.at })));
    const records = await logRecords();
    for (const [i, { payloads }] of records.entries()) {
      expect(payloads.messages && (await readMessages(packs(), payloads.messages))).toEqual(
        history.slice(0, 2 * (i + 1)),
      );
    }
    const once = history.join("").length;
    expect(counted.reduce((sum, { packBytes }) => sum + packBytes, 0)).toBeLessThan(once * 1.3);
  },
);

test("a changed history starts from the messages that are the same", async () => {
  const sink = await openSink();
  await sink.write([
    frame(
      1,
      normalized(1, { messages: ["1", "2"] }),
      normalized(2, { messages: ["1", "2", "3"] }),
      normalized(3, { messages: ["1", "2", "4"] }),
      normalized(4, { messages: [] }),
      normalized(5, { messages: ["9"] }),
    ),
  ]);
  const lists = await Promise.all(
    (await logRecords()).map(({ payloads }) => payloads.messages && readMessages(packs(), payloads.messages)),
  );
  expect(lists).toEqual([["1", "2"], ["1", "2", "3"], ["1", "2", "4"], [], ["9"]]);
});

test("what is too large for an entry is moved aside whole", async () => {
  const sink = await openSink();
  const long = "ä\ud83d\ude00".repeat(40_000);
  const cases = [
    normalized(1, {}, { attributes: { long, n: 1 } }),
    normalized(2, { response: "1" }, { name: long, events: [{ name: long }], resource: { long } }),
    normalized(3, {}, { run: { ...normalized(3).facts.run, user_id: long }, error: { type: long, message: long } }),
    normalized(4, {}, { scope: { name: "s", version: "1", attributes: { long, "1": true } } }),
  ];
  await sink.write([frame(1, ...cases)]);
  const records = await logRecords();
  const whole = await Promise.all(records.map((entry) => readWholeRecord(packs(), entry)));
  for (const [i, { facts }] of cases.entries()) expect(whole[i]).toMatchObject(facts);
  expect(records[0]?.name).toBe("chat");
  expect(counted[0]?.overflows).toBe(4);
});

test("values that JSON can't hold do not stop the log", async () => {
  const sink = await openSink();
  await sink.write([
    frame(
      1,
      normalized(1, {}, { attributes: { nan: Number.NaN, half: "\ud800", big: 5n, "10": 1, "9": 2, none: undefined } }),
    ),
  ]);
  expect((await logRecords())[0]?.attributes).toEqual({ nan: "NaN", half: "\ufffd", big: "5", "10": 1, "9": 2 });
});

test("a store that holds other bytes stops the writer for good", async () => {
  const sink = await openSink();
  await objects.create("log/s0/tile/0/000.p/1", Buffer.alloc(32, 1));
  await expect(sink.write([frame(1, normalized(1))])).rejects.toMatchObject({ code: "damaged", retryable: false });
  await expect(sink.write([frame(1, normalized(1))])).rejects.toMatchObject({ code: "damaged" });
  expect(await logRecords()).toEqual([]);
});

test("a store that was set back is not continued: its key signs one history only", async () => {
  const sink = await openSink();
  await sink.write([frame(1, normalized(1))]);
  const earlier = (await objects.read("log/s0/checkpoint")) ?? Buffer.of();
  await sink.write([frame(2, normalized(2))]);
  await sink.write([frame(3, normalized(3))]);
  await objects.replace("log/s0/checkpoint", earlier);
  await expect(openSink()).rejects.toMatchObject({ code: "damaged", message: expect.stringContaining("set back") });
  await objects.delete("log/s0/checkpoint");
  await expect(openSink()).rejects.toMatchObject({ code: "damaged" });
});

test("a store with another history under the same key is refused", async () => {
  await (await openSink()).write([frame(1, normalized(1), normalized(2))]);
  const first = objects;
  objects = await openObjects(`file:${directory}/other`);
  const keptFirst = await key.lastSigned.load();
  key = { ...key, lastSigned: { load: async () => null, save: async () => undefined } };
  cursor.at = 1;
  await (await openSink()).write([frame(1, normalized(3), normalized(4), normalized(5))]);
  key = { ...key, lastSigned: { load: async () => keptFirst, save: async () => undefined } };
  await expect(openSink()).rejects.toMatchObject({ code: "damaged", message: expect.stringContaining("not the one") });
  objects = first;
  await openSink();
});

test("a log that lost what its key signed last is opened when the staged batch brings it back", async () => {
  const sink = await openSink();
  await sink.write([frame(1, normalized(1))]);
  const publish = objects.compareAndSet;
  failCheckpoints();
  await expect(sink.write([frame(2, normalized(2))])).rejects.toMatchObject({ code: "unavailable" });
  objects.compareAndSet = publish;
  await openSink();
  expect(await logRecords()).toHaveLength(2);
});

test("a staged batch of a journal that was lost does not make the next journal's frames be skipped", async () => {
  const sink = await openSink();
  await sink.write([frame(1, normalized(1))]);
  failCheckpoints();
  await expect(sink.write([frame(9, normalized(2))])).rejects.toMatchObject({ code: "unavailable" });
  objects = await openObjects(`file:${directory}/objects`);
  cursor.at = 1;
  await (await openSink()).write([frame(1, normalized(3)), frame(2, normalized(2))]);
  expect((await logRecords()).map(({ run_seq }) => run_seq)).toEqual([1, 2, 3]);
  expect(cursor.at).toBe(3);
});

test.each(["log/s0/staging/batch", "log/s0/checkpoint"])("a forged %s is refused, and named", async (path) => {
  await (await openSink()).write([frame(1, normalized(1))]);
  await objects.replace(path, Buffer.from("forged"));
  await expect(openSink()).rejects.toMatchObject({ code: "damaged", message: expect.stringContaining(path) });
});

test("packs of sealed contents are locked until the keys of their month are gone, those in the clear as the log is", async () => {
  const locks: unknown[] = [];
  const stored = objects;
  objects = {
    ...stored,
    create: async (path, bytes, options) => {
      if (path.startsWith("payloads/")) locks.push(options?.retainUntilMs);
      if (locks.length === 1) throw new StorageError("unavailable", "away");
      await stored.create(path, bytes, options);
    },
  };
  let now = "2026-01-31T23:59:59Z";
  const clock = () => Date.parse(now);
  const sink = await openSink({ clock }, { contentRetentionDays: 400 });
  const batch = (seq: number, received_time = "2026-01-01T00:00:00.000000000Z") => [
    frame(seq, normalized(seq, { output: `content ${seq}` }, { received_time })),
  ];
  await expect(sink.write(batch(1))).rejects.toMatchObject({ retryable: true });
  now = "2026-02-01T00:00:01Z";
  await sink.write(batch(1));
  await sink.write(batch(2, "2026-03-01T00:00:00.000000000Z"));
  await sink.close();
  const clear = await openSink({ clock, keys: null }, { contentRetentionDays: 400 });
  await clear.write(batch(3));
  const dayMs = 86_400_000;
  const after = (month: string) => Date.parse(month) + 402 * dayMs;
  expect(locks).toEqual([after("2026-02-01"), after("2026-03-01"), after("2026-04-01"), undefined]);
});
