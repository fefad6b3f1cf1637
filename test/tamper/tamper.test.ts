import { rm } from "node:fs/promises";
import {
  createPayloadReader,
  createTileTree,
  decodeEntryBundle,
  encodeEntryBundle,
  leafHash,
  packPath,
  parseLogEntry,
  signCheckpoint,
  verifyShard,
} from "@runledger/contract";
import { openOrCreateKeyring } from "@runledger/storage";
import { afterAll, beforeAll, expect, test } from "vitest";
import { changedBytes, expectAllFound, flipped, writeSmallLog } from "./changed-copies.ts";
import { createSampleStore, frameOf, openSampleSink, type SampleStore, SHARD } from "./sample-log.ts";
import { readFiles, type StoredFiles, verifyFiles, withChanges } from "./stored-files.ts";

/** Two batches, three entries: small enough to try every byte. */
let small: StoredFiles;
/** 700 entries: full tiles, partial ones, two levels. */
let large: StoredFiles;
let early: Uint8Array;
let keys: string[];
let store: SampleStore;
const stores: SampleStore[] = [];

beforeAll(async () => {
  store = await createSampleStore();
  ({ small, early } = await writeSmallLog(store));
  keys = [store.key.verifierKey];
  const other = await createSampleStore();
  stores.push(store, other);
  const second = await openSampleSink({ ...other, key: withoutMemory(store.key, other) });
  for (const [i, records] of [200, 30, 300, 170].entries()) await second.sink.write([frameOf(i + 1, records)]);
  large = await readFiles(other.objects);
});
afterAll(async () => {
  for (const { directory } of stores) await rm(directory, { recursive: true });
});

/** A key that has forgotten what it signed: without that it refuses to sign a second history. */
function withoutMemory(key: SampleStore["key"], fresh: SampleStore): SampleStore["key"] {
  return { ...key, lastSigned: fresh.key.lastSigned };
}

const foundOf = (what: string, changed: Iterable<[string, StoredFiles]>) => expectAllFound(what, changed, keys);

test("untouched logs are verified to the last payload and checkpoint", async () => {
  expect(await verifyFiles(small, keys)).toMatchObject({
    verdict: "VERIFIED",
    treeSize: 3,
    entriesChecked: 3,
    payloadsChecked: 12,
    checkpointsChecked: 2,
  });
  expect(await verifyFiles(large, keys)).toMatchObject({
    verdict: "VERIFIED",
    entriesChecked: 700,
    checkpointsChecked: 4,
  });
  expect([...large.keys()].filter((path) => path.includes("/000.p/"))).toEqual(["log/s0/tile/1/000.p/2"]);
});

test("its payloads are sealed, and kept in every form: whole, as a list that goes on, as a difference", async () => {
  const keyring = await openOrCreateKeyring(store.objects, store.masterKey);
  const pack = async (name: string, offset: number, length: number) =>
    small.get(packPath(SHARD, name))?.subarray(offset, offset + length) ?? null;
  const open = createPayloadReader(pack, keyring.reader());
  const bundles = [...small].filter(([path]) => path.includes("tile/entries/")).map(([, bytes]) => bytes);
  const records = bundles.flatMap(decodeEntryBundle).map((entry) => parseLogEntry(entry));
  const opened = await Promise.all(records.flatMap(({ payloads }) => Object.values(payloads).map(open)));
  const text = Buffer.concat(opened).toString("latin1");
  const stored = Buffer.concat([...small.values()]).toString("latin1");
  for (const form of ['"base_count":1,', '"pieces":[', "be kind"]) {
    expect(text).toContain(form);
    expect(stored).not.toContain(form);
  }
});

test("without a key, or with another log's, nothing is verified", async () => {
  const foreign = await createSampleStore();
  stores.push(foreign);
  expect((await verifyFiles(small, [])).verdict).toBe("UNTRUSTED");
  expect((await verifyFiles(small, [foreign.key.verifierKey])).verdict).toBe("UNTRUSTED");
});

/** A prime, so that bytes at every place of a hash, of a line and of a word are among them; the slow suite changes every one. */
const EVERY_NTH_BYTE = 7;

test("changed bytes of a log are found, wherever they are", async () => {
  await foundOf("flipped bytes", changedBytes(small, EVERY_NTH_BYTE));
}, 300_000);

test("a changed byte in any file of a larger log is found", async () => {
  function* changes(): Generator<[string, StoredFiles]> {
    for (const [path, bytes] of large) {
      for (const at of new Set([0, 1, Math.floor(bytes.length / 2), bytes.length - 1])) {
        yield [`${path} byte ${at}`, withChanges(large, { [path]: flipped(bytes, at, 0) })];
      }
    }
  }
  await foundOf("flipped bytes of a larger log", changes());
}, 300_000);

test("every dropped, emptied, cut and lengthened file is found", async () => {
  function* changes(): Generator<[string, StoredFiles]> {
    for (const files of [small, large]) {
      for (const [path, bytes] of files) {
        const old = /checkpoints\/0*(\d+)$/.exec(path)?.[1];
        // Of old checkpoints that no partial tile speaks of any more only the content can be judged, not the absence.
        if (files === small || old === undefined || Number(old) >= 512)
          yield [`${path} dropped`, withChanges(files, { [path]: null })];
        yield [`${path} emptied`, withChanges(files, { [path]: new Uint8Array() })];
        yield [`${path} cut`, withChanges(files, { [path]: bytes.subarray(0, -1) })];
        yield [`${path} lengthened`, withChanges(files, { [path]: Buffer.concat([bytes, Buffer.of(0)]) })];
      }
    }
  }
  await foundOf("dropped, emptied, cut and lengthened files", changes());
}, 300_000);

test("every swap of two files is found", async () => {
  function* changes(): Generator<[string, StoredFiles]> {
    for (const [a, bytesA] of small) {
      for (const [b, bytesB] of small) {
        if (a < b && Buffer.compare(bytesA, bytesB) !== 0)
          yield [`${a} and ${b}`, withChanges(small, { [a]: bytesB, [b]: bytesA })];
      }
    }
  }
  await foundOf("swapped files", changes());
}, 300_000);

/** The log's files with other entries, every tile made to fit them, as someone without the key could. */
function rewritten(files: StoredFiles, change: (entries: Uint8Array[]) => Uint8Array[]): StoredFiles {
  const path = [...files.keys()].filter((name) => name.startsWith("log/s0/tile/entries/000.p/")).at(-1) as string;
  const entries = change(decodeEntryBundle(files.get(path) as Uint8Array));
  const tree = createTileTree();
  for (const entry of entries) tree.append(leafHash(entry));
  const [tile] = tree.partialTiles();
  return withChanges(files, {
    [path]: encodeEntryBundle(entries),
    [path.replace("entries", "0")]: (tile?.bytes ?? null) as Uint8Array,
  });
}

test("entries swapped, dropped, doubled, replaced or appended with all hashes made anew are found", async () => {
  const swap = (entries: Uint8Array[]): Uint8Array[] => [entries[1], entries[0], ...entries.slice(2)] as Uint8Array[];
  const edit = (entries: Uint8Array[]): Uint8Array[] =>
    entries.map((entry) => Buffer.from(Buffer.from(entry).toString().replace('"status":"ok"', '"status":"error"')));
  await foundOf("rewritten entries", [
    ["swapped", rewritten(small, swap)],
    ["edited", rewritten(small, edit)],
    ["last dropped", rewritten(small, (entries) => entries.slice(0, -1))],
    ["first dropped", rewritten(small, (entries) => entries.slice(1))],
    ["doubled", rewritten(small, (entries) => [...entries.slice(0, -1), entries[0] as Uint8Array])],
    ["appended", rewritten(small, (entries) => [...entries, entries[0] as Uint8Array])],
  ]);
});

test("a changed entry is named by its index, a changed tile by its path", async () => {
  const path = "log/s0/tile/entries/001";
  const entries = decodeEntryBundle(large.get(path) as Uint8Array);
  entries[7] = Buffer.from(
    Buffer.from(entries[7] as Uint8Array)
      .toString()
      .replace('"ok"', '"error"'),
  );
  const changedEntry = await verifyFiles(withChanges(large, { [path]: encodeEntryBundle(entries) }), keys);
  expect(changedEntry.findings).toContainEqual({
    verdict: "TAMPERED",
    where: "entry 263",
    what: "it is not the entry that was signed",
  });
  const tile = "log/s0/tile/0/001";
  const changedTile = await verifyFiles(
    withChanges(large, { [tile]: flipped(large.get(tile) as Uint8Array, 7 * 32) }),
    keys,
  );
  expect(changedTile.findings).toEqual([
    expect.objectContaining({ verdict: "TAMPERED", where: "tile/0/001", what: expect.stringContaining("entry 263") }),
  ]);
});

/** What the key's holder could do: the log cut back and signed again. */
async function cutBack(size: number): Promise<StoredFiles> {
  const other = await createSampleStore();
  stores.push(other);
  const { sink } = await openSampleSink({ ...other, key: withoutMemory(store.key, other) });
  await sink.write([frameOf(9, size)]);
  return readFiles(other.objects);
}

test("a log that is shorter than an earlier checkpoint, or does not extend it, is found", async () => {
  expect((await verifyFiles(small, keys, { sinceCheckpoint: early })).verdict).toBe("VERIFIED");
  expect(await verifyFiles(await cutBack(1), keys, { sinceCheckpoint: early })).toMatchObject({ verdict: "TAMPERED" });
  expect(await verifyFiles(await cutBack(5), keys, { sinceCheckpoint: early })).toMatchObject({ verdict: "TAMPERED" });
  expect((await verifyFiles(await cutBack(5), keys)).verdict).toBe("VERIFIED");
  const empty = signCheckpoint(0, leafHash(Buffer.of()), store.key.signer);
  expect((await verifyFiles(small, keys, { sinceCheckpoint: empty })).verdict).toBe("TAMPERED");
});

test("a checkpoint set back is found by the ones that were published after it", async () => {
  const back = withChanges(small, {
    "log/s0/checkpoint": small.get("log/s0/checkpoints/000000000000002") as Uint8Array,
  });
  expect(await verifyFiles(back, keys)).toMatchObject({ verdict: "INCOMPLETE", treeSize: 2 });
});

test("an entry nested deeper than any parser goes is a finding like others, and the rest is checked", async () => {
  const path = "log/s0/tile/entries/000.p/3";
  const entries = decodeEntryBundle(small.get(path) as Uint8Array);
  const deep = `{"attributes":${"[".repeat(29_000)}${"]".repeat(29_000)}}`;
  const changed = withChanges(small, { [path]: encodeEntryBundle([Buffer.from(deep), ...entries.slice(1)]) });
  expect(await verifyFiles(changed, keys)).toMatchObject({ verdict: "TAMPERED", entriesChecked: 3 });
});

test("a log of an unknown key that is also set back is untrusted, not unreadable", async () => {
  const back = withChanges(small, {
    "log/s0/checkpoint": small.get("log/s0/checkpoints/000000000000002") as Uint8Array,
  });
  expect((await verifyFiles(back, [])).verdict).toBe("UNTRUSTED");
});

test("a store that fails half way does not hide what was found before", async () => {
  const path = "log/s0/tile/entries/000";
  const bytes = flipped(large.get(path) as Uint8Array, 2); // the first entry's brace
  const read = async (name: string) => {
    if (name === "log/s0/tile/entries/002.p/188") throw new Error("the disk is gone");
    return (name === path ? bytes : large.get(name)) ?? null;
  };
  const list = async function* () {};
  expect((await verifyShard({ read, list }, SHARD, { verifierKeys: keys })).verdict).toBe("TAMPERED");
});

test("what is not there at all is unreadable, not verified", async () => {
  expect((await verifyFiles(new Map(), keys)).verdict).toBe("UNREADABLE");
});
