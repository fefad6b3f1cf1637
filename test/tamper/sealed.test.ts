import { rm } from "node:fs/promises";
import type { NormalizedFrame } from "@runledger/collector";
import {
  decodeEntryBundle,
  type LogVerification,
  parseLogEntry,
  type RunledgerRecord,
  verifyStore,
} from "@runledger/contract";
import { type Keyring, openOrCreateKeyring } from "@runledger/storage";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSampleStore, frameOf, openSampleSink, type SampleStore } from "./sample-log.ts";
import { readFiles, type StoredFiles, verifyFiles } from "./stored-files.ts";

let store: SampleStore;
let keyring: Keyring;

beforeEach(async () => {
  store = await createSampleStore();
  const { sink } = await openSampleSink(store);
  await sink.write([frameOf(1, 3), frameOf(2, 2)]);
  keyring = await openOrCreateKeyring(store.objects, store.masterKey);
});
afterEach(() => rm(store.directory, { recursive: true }));

async function verified({ withKeys }: { withKeys: boolean }): Promise<LogVerification> {
  const files = await readFiles(store.objects);
  return await verifyFiles(files, [store.key.verifierKey], withKeys ? { findKey: keyring.reader() } : {});
}

async function records(): Promise<RunledgerRecord[]> {
  const bundles: RunledgerRecord[] = [];
  const all = await readFiles(store.objects);
  const widest =
    [...all.keys()]
      .filter((path) => path.includes("tile/entries/"))
      .sort()
      .at(-1) ?? "";
  for (const entry of decodeEntryBundle(all.get(widest) ?? Buffer.of())) bundles.push(parseLogEntry(entry));
  return bundles;
}

/** The frame by which somebody says that keys are destroyed. */
function actFrame(seq: number, action: string, target: Record<string, unknown>): NormalizedFrame {
  const [record] = frameOf(seq, 1).records;
  if (record === undefined) throw new Error("no record");
  const act = { action, actor: { key_id: "k", name: "dpo", roles: ["admin"] }, reason: "asked for it", target };
  return {
    seq,
    bodyBytes: 1,
    records: [{ ...record, content: {}, facts: { ...record.facts, event: "act", run_id: "", act } }],
  };
}

const append = async (frame: NormalizedFrame) => (await openSampleSink(store)).sink.write([frame]);

/** The run of frame 1. */
async function keyOfFirst(): Promise<string> {
  const [first] = await records();
  return first?.payloads.response?.key_id ?? "";
}

test("all is opened with the keys, and without them the stored bytes are checked and counted", async () => {
  expect(await verified({ withKeys: true })).toMatchObject({
    verdict: "VERIFIED",
    payloadsChecked: 20,
    sealedPayloads: { unopened: 0 },
  });
  expect(await verified({ withKeys: false })).toMatchObject({
    verdict: "VERIFIED",
    payloadsChecked: 20,
    sealedPayloads: { unopened: 20, erased: 0, expired: 0, destructions: [] },
  });
});

test("a key that is gone without a record of it is found, and what it takes along is named", async () => {
  const keyId = await keyOfFirst();
  await keyring.destroy([keyId]);
  const { verdict, findings } = await verified({ withKeys: true });
  expect(verdict).toBe("INCOMPLETE");
  expect(findings).toEqual([
    {
      verdict: "INCOMPLETE",
      where: `key ${keyId}`,
      what: expect.stringMatching(/no erasure of it.*entry 0, payload .* and 9 more$/),
    },
  ]);
});

test.each([{ withKeys: true }, { withKeys: false }])(
  "what an act of the log has erased is counted, with who and where (keys: $withKeys)",
  async ({ withKeys }) => {
    const keyId = await keyOfFirst();
    await append(actFrame(3, "erasure", { erasure_id: "e", key_ids: [keyId] }));
    await keyring.destroy([keyId]);
    expect(await verified({ withKeys })).toMatchObject({
      verdict: "VERIFIED",
      findings: [],
      sealedPayloads: {
        unopened: withKeys ? 0 : 8,
        erased: 12,
        expired: 0,
        destructions: [{ action: "erasure", by: "dpo", reason: "asked for it", logIndex: 5, payloads: 12 }],
      },
    });
  },
);

test("a key that still opens what the log says was erased is told of", async () => {
  const keyId = await keyOfFirst();
  await append(actFrame(3, "erasure", { erasure_id: "e", key_ids: [keyId] }));
  const { verdict, findings } = await verified({ withKeys: true });
  expect(verdict).toBe("INCOMPLETE");
  const what = expect.stringContaining("entry 5 says that it was destroyed, and it still opens");
  expect(findings).toEqual([{ verdict: "INCOMPLETE", where: `key ${keyId}`, what }]);
});

test("only an act excuses: another record with such a member does not", async () => {
  const keyId = await keyOfFirst();
  const frame = actFrame(3, "erasure", { key_ids: [keyId] });
  await append({ ...frame, records: frame.records.map((one) => ({ ...one, facts: { ...one.facts, event: "log" } })) });
  await keyring.destroy([keyId]);
  expect((await verified({ withKeys: true })).verdict).toBe("INCOMPLETE");
});

test("what has expired may be removed whole; what is erased must still lie there", async () => {
  const keyId = await keyOfFirst();
  await append(actFrame(3, "expiry", { key_id_prefixes: [keyId.slice(0, 3)] }));
  const removed = async (): Promise<LogVerification> => {
    const files = new Map([...(await readFiles(store.objects))].filter(([path]) => !path.startsWith("payloads/")));
    return await verifyFiles(files, [store.key.verifierKey], { findKey: keyring.reader() });
  };
  expect(await removed()).toMatchObject({ verdict: "VERIFIED", sealedPayloads: { expired: 20, erased: 0 } });
  await append(actFrame(4, "erasure", { key_ids: [keyId] }));
  const both = { verdict: "VERIFIED", sealedPayloads: { erased: expect.toSatisfy((count) => count > 0) } };
  expect(await removed()).toMatchObject(both);

  const other = await createSampleStore();
  const { sink } = await openSampleSink(other);
  await sink.write([frameOf(1, 3), actFrame(2, "erasure", { key_ids: [keyId] })]);
  const [path] = [...(await readFiles(other.objects)).keys()].filter((name) => name.startsWith("payloads/"));
  const files = new Map([...(await readFiles(other.objects))].filter(([name]) => name !== path));
  expect((await verifyFiles(files, [other.key.verifierKey])).verdict).toBe("INCOMPLETE");
  await rm(other.directory, { recursive: true });
});

test("an act of another kind erases nothing", async () => {
  const keyId = await keyOfFirst();
  await append(actFrame(3, "export.create", { key_ids: [keyId] }));
  await keyring.destroy([keyId]);
  expect((await verified({ withKeys: true })).verdict).toBe("INCOMPLETE");
});

test("a key that an act in another log of the store has destroyed is erased here too", async () => {
  const [keyId, other] = [await keyOfFirst(), await createSampleStore("s1")];
  await keyring.destroy([keyId]);
  await (await openSampleSink(other, "s1")).sink.write([actFrame(1, "erasure", { erasure_id: "e", key_ids: [keyId] })]);
  const second = await readFiles(other.objects);
  const verify = async (files: StoredFiles) =>
    await verifyStore(
      {
        read: async (path) => files.get(path) ?? null,
        list: async function* (prefix) {
          for (const path of [...files.keys()].sort()) if (path.startsWith(prefix)) yield { path };
        },
        shards: async () => [...new Set([...files.keys()].flatMap((path) => /^log\/([^/]+)\//.exec(path)?.[1] ?? []))],
        findKey: keyring.reader(),
      },
      { logs: [store.key.verifierKey, other.key.verifierKey], witnesses: [], quorum: null, now: 0 },
    );
  const first = await readFiles(store.objects);
  expect((await verify(first)).verdict).toBe("INCOMPLETE");
  const both = await verify(new Map([...first, ...second]));
  expect(both.logs.map(({ sealedPayloads }) => sealedPayloads?.erased)).toEqual([12, 0]);
  expect(both.findings).toEqual([]);
  await rm(other.directory, { recursive: true });
});
