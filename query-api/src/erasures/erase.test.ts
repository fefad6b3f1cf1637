import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  approvalRequest,
  type RunledgerRecord,
  runSubject,
  unixNanoFromRfc3339,
  userSubject,
} from "@runledger/contract";
import {
  type Keyring,
  type Objects,
  openObjects,
  openOrCreateKeyring,
  type QueryParameters,
  type Rows,
  StorageError,
} from "@runledger/storage";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Act, ActRecorder } from "../acts/act-recorder.ts";
import { argumentsPath, createApprovalDocument, withApproval, withDecision } from "../approvals/approval-book.ts";
import { keysNotErasing } from "../exports/export-log.ts";
import { createOfflineExports } from "../exports/offline-exports.ts";
import { addHold } from "../holds/destruction-claim.ts";
import { createHoldStore } from "../holds/hold-store.ts";
import { createLease, type Lease } from "../state/lease.ts";
import { publishSmallLog, recordOf } from "../testing/small-log.ts";
import { stepRow } from "../testing/step-rows.ts";
import { createContentAges } from "./content-ages.ts";
import { createEndsOfLogs } from "./ends-of-logs.ts";
import { createEraser, type Eraser } from "./erase.ts";
import { createErasureStore } from "./erasure-store.ts";
import { expireContent } from "./expire.ts";
import { createExpiryStore } from "./expiry-store.ts";
import { type KeptErasure, targetOf } from "./kept-erasure.ts";

const SHARD = "0";
const NOW = Date.UTC(2026, 10, 29, 13);
const MONTH = "2aa"; // November 2026
const WRITES = ["create", "replace", "compareAndSet", "delete"] as const;

let dir: string;
let objects: Objects;
let keyring: Keyring;
/** What the collector has put into the log. */
let logged: RunledgerRecord[];
let rowsErased: number;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runledger-erase-"));
  objects = await openObjects(`file:${dir}/objects`);
  keyring = await openOrCreateKeyring(objects, { file: join(dir, "master.key") });
  logged = [];
  rowsErased = 0;
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** ClickHouse, where alice has one run, whose rows are erased when they are told to be. */
const rows = (): Rows => ({
  insert: async () => undefined,
  query: async <Row>(sql: string) =>
    (sql.includes("DISTINCT run_id") || sql.includes("AS named")
      ? [{ run_id: "r1" }]
      : sql.includes("SELECT 1")
        ? [{}]
        : []) as Row[],
  command: async () => {
    rowsErased++;
  },
  ping: async () => undefined,
  close: async () => undefined,
});

/** The collector's front door and its log: an act that is acknowledged is in the published log. */
function recorder(onRecord: (act: Act) => Promise<void> = async () => undefined, shard = SHARD): ActRecorder {
  const record = async ({ action, principal, reason, target }: Act): Promise<void> => {
    const actor = { key_id: principal.keyId, name: principal.name, roles: [...principal.roles] };
    const facts = {
      event: "act" as const,
      act: { action, actor, reason, target },
      received_time: timeOfAct(logged.length),
    };
    logged.push(recordOf(stepRow("acts", `act ${logged.length}`), facts));
    await publishSmallLog(objects, logged, shard);
    await onRecord({ action, principal, reason, target });
  };
  return { record };
}

function eraser(
  store = objects,
  acts = recorder(),
  ring = keyring,
  lease: Pick<Lease, "hold"> = { hold: async () => true },
  known = rows(),
): Eraser {
  const erasures = createErasureStore(store);
  const clock = () => NOW;
  const kept = { store: erasures, ends: createEndsOfLogs(store), lease, rowsKeptDays: 30 };
  const { advance, ...rest } = createEraser({ objects: store, rows: known, keyring: ring, acts, clock, ...kept });
  // As the one who asks does.
  return { ...rest, advance: async (erasure) => await advance(await createErasureStore(objects).add(erasure)) };
}

/** Of the act at that place in the log. */
const timeOfAct = (place: number) => `2026-11-29T12:00:${String(place % 60).padStart(2, "0")}.000000000Z`;

const erasureOfAlice = (): KeptErasure => ({
  erasure_id: "e-1",
  tenant: "t",
  subject: { kind: "user", pseudonym: keyring.pseudonymOf(userSubject("t", "alice")) },
  user_id: "alice",
  run_ids: ["r1"],
  rows_settled: false,
  clear_records: 0,
  state: "recording",
  by: "dpo",
  actor: { key_id: null, roles: ["admin"] },
  reason: "she asked",
  requested_time: "2026-11-29T12:00:00.000Z",
  done_time: null,
  log_sizes: {},
  key_ids: [],
  log_indexes: [],
  received_until: "2026-11-29T12:00:00.000Z",
});

async function keysFor(...subjects: string[]): Promise<string[]> {
  const keys = await keyring.writer().keysFor(subjects.map((subject) => ({ subject, month: MONTH })));
  return keys.map(({ keyId }) => keyId);
}

async function livingKeys(...subjects: string[]): Promise<string[]> {
  return (await keyring.keysOf(new Set(subjects.map(keyring.pseudonymOf)))).map(({ keyId }) => keyId);
}

/** A request of alice's run that somebody has refused. @returns where its arguments lie. */
async function askedAndDenied(id: string): Promise<string> {
  const approval_id = createHash("md5").update(id).digest("hex");
  const path = argumentsPath("t", approval_id);
  await objects.replace(path, Buffer.from("words-of-arguments"));
  const asking = { approval_id, run_id: "r1", tool: "pay", question: "words-of-question", timeout_ms: 60_000 };
  const request = approvalRequest.parse(asking);
  const asked = { argumentsPath: path, argumentsKeyId: null, argumentsCut: false, announced: false, nowMs: NOW };
  const denial = { status: "denied", by: "b", reason: "words-of-reason", nowMs: NOW } as const;
  await createApprovalDocument(objects).update((state) => {
    const pending = withApproval(state, { tenant: "t", request, ...asked }).state;
    return withDecision(pending, "t", approval_id, denial);
  });
  return path;
}

const ALICE = userSubject("t", "alice");
const RUN = runSubject("t", "r1");
const BOB = userSubject("t", "bob");

test("her key and that of her run are named by an act before they are destroyed; others stay", async () => {
  const [alice, run, bob] = await keysFor(ALICE, RUN, BOB);
  const atAct: string[][] = [];
  const acts = recorder(async () => void atAct.push(await livingKeys(ALICE, RUN)));
  const made = { time_ms: NOW, by: "root", recipient: "r", reason: null, content: true, shards: [SHARD] };
  const note = (tenant: string) => ({ ...made, export_id: tenant, tenant, sha256: "", size_bytes: 1 });
  const notes = createOfflineExports(objects);
  await notes.update(() => ["t", "other"].map((tenant) => ({ ...note(tenant), filter: { user: "alice" } })));
  const done = await eraser(objects, acts).advance(await createErasureStore(objects).add(erasureOfAlice()));
  expect(done).toMatchObject({ state: "done", key_ids: [alice, run], log_indexes: [0], user_id: "alice" });
  expect(atAct).toEqual([[alice, run]]);
  expect(logged[0]?.act).toMatchObject({ action: "erasure", reason: "she asked", target: { key_ids: [alice, run] } });
  expect(JSON.stringify(logged)).not.toContain("alice");
  expect(await livingKeys(ALICE, RUN, BOB)).toEqual([bob]);
  expect(rowsErased).toBeGreaterThan(0);
  const named = (await notes.read()).map(({ filter }) => filter.user);
  expect(named).toEqual([expect.stringMatching(/^erased:[0-9a-f]{12}$/), "alice"]);
});

test("what was on its way when she was erased is sealed under a key that another act names", async () => {
  const [first] = await keysFor(ALICE);
  let late: string | undefined;
  const acts = recorder(async () => {
    // The collector integrates a backlog: a run's records, whose key nobody knew of.
    late ??= (await keysFor(RUN))[0];
  });
  const done = await eraser(objects, acts).advance(erasureOfAlice());
  expect(done.log_indexes).toEqual([0, 1]);
  expect(new Set(done.key_ids)).toEqual(new Set([first, late]));
  expect(await livingKeys(ALICE, RUN)).toEqual([]);
});

test("from its act on her keys are known to be going, and open nothing for an export, though ClickHouse is behind", async () => {
  const [hers, bobs] = await keysFor(ALICE, BOB);
  const record = recordOf(stepRow("r1", "s1"), { received_time: "2026-11-29T11:59:59.000000000Z" });
  let unknown = false;
  const behind: Rows = {
    ...rows(),
    query: async () => {
      if (unknown) throw new StorageError("unavailable", "ClickHouse is behind");
      return [];
    },
  };
  const late = recorder(async () => {
    logged.push(record);
    unknown = true;
  });
  const store = createErasureStore(objects);
  const advancing = eraser(objects, late, keyring, undefined, behind).advance(await store.add(erasureOfAlice()));
  await expect(advancing).rejects.toThrow("behind");
  expect(await store.ofAnyKey(new Set([hers ?? ""]))).toMatchObject({ state: "recording" });
  const find = await keysNotErasing(async () => Buffer.of(1), store);
  const ref = { media_type: "text/plain", sha256: "", size_bytes: 1, pack: "", offset: 0, commitment: "" };
  const found = [hers, bobs].map((key_id) => find({ ...ref, key_id: key_id ?? "" }, Buffer.of()));
  expect(await Promise.all(found)).toEqual([null, Buffer.of(1)]);
});

test("a run of hers that ClickHouse does not know yet is waited for, and its key goes too", async () => {
  const [, run] = await keysFor(ALICE, RUN);
  const record = recordOf(stepRow("r1", "s1"), { received_time: "2026-11-29T11:59:59.000000000Z" });
  logged.push(record);
  let asked = 0;
  const behind: Rows = {
    ...rows(),
    query: async <Row>(sql: string, parameters?: QueryParameters) => {
      const isAsked = sql.includes("record_id =") && parameters?.["recordId"] === record.record_id;
      if (isAsked) return (asked++ < 3 ? [] : [{}]) as Row[];
      return (sql.includes("AS named") && asked > 3 ? [{ run_id: "r1" }] : []) as Row[];
    },
  };
  const done = await eraser(objects, recorder(), keyring, undefined, behind).advance({
    ...erasureOfAlice(),
    run_ids: [],
  });
  expect(done).toMatchObject({ state: "done", key_ids: expect.arrayContaining([run]), run_ids: ["r1"] });
  expect(await livingKeys(ALICE, RUN)).toEqual([]);
});

test("while ClickHouse is being rebuilt nothing is recorded, claimed or destroyed: whose runs are does not show", async () => {
  const keys = await keysFor(ALICE, RUN);
  let rebuilding = true;
  const rebuilt: Rows = {
    ...rows(),
    query: async <Row>(sql: string) =>
      (sql.startsWith("EXISTS TABLE") ? [{ result: rebuilding }] : await rows().query(sql)) as Row[],
  };
  const store = createErasureStore(objects);
  const advance = async () => eraser(objects, recorder(), keyring, undefined, rebuilt).advance(await store.add(one));
  let one = erasureOfAlice();
  await expect(advance()).rejects.toThrow("ClickHouse is being rebuilt");
  one = { ...one, state: "destroying", key_ids: keys };
  await expect(advance()).rejects.toThrow("ClickHouse is being rebuilt");
  expect([logged, (await createHoldStore(objects).read()).destroying ?? [], rowsErased]).toEqual([[], [], 0]);
  expect(await livingKeys(ALICE, RUN)).toEqual(keys);
  rebuilding = false;
  expect(await advance()).toMatchObject({ state: "done" });
  expect(await livingKeys(ALICE, RUN)).toEqual([]);
});

test("another query API than the one that was asked goes on with it, in the log of its own collector, with one act", async () => {
  const [alice, run] = await keysFor(ALICE, RUN);
  const log0 = Array.from({ length: 5 }, (_, n) => recordOf(stepRow("r9", `s${n}`), {}));
  await publishSmallLog(objects, log0, "0");
  const asked = { ...erasureOfAlice(), log_sizes: { 0: 5 } };
  // The first one dies when its act is in the log; the next one's collector writes log 0.
  const dying = recorder(async () => {
    throw new StorageError("unavailable", "killed");
  }, "1");
  await expect(eraser(objects, dying).advance(asked)).rejects.toThrow("killed");
  const done = await eraser(objects, recorder(undefined, "0")).advance(asked);
  expect(done).toMatchObject({ state: "done", key_ids: [alice, run], log_indexes: [0] });
  expect(logged).toHaveLength(1);
  expect(logged[0]?.act?.target).toMatchObject({ log_sizes: { 0: 5 } });
});

test("runs are hers whatever clocks say, and what a log lacks of them yet is waited for", async () => {
  const [, run] = await keysFor(ALICE, RUN);
  const newestNs = BigInt(NOW + 13 * 3_600_000) * 1_000_000n;
  const newestTime = new Date(NOW + 13 * 3_600_000).toISOString().replace("Z", "000000Z");
  let looks = 0;
  const erasedUntil: unknown[] = [];
  const ahead: Rows = {
    ...rows(),
    command: async (_sql, parameters) => void erasedUntil.push(parameters?.["until"]),
    query: async <Row>(sql: string, parameters?: QueryParameters) => {
      if (sql.includes("AS newest")) return [{ n: "2", newest: String(newestNs) }] as Row[];
      if (sql.includes("NOT IN (SELECT record_id FROM log_entries")) {
        expect(parameters).toMatchObject({ run_ids: ["r1"], until: newestTime });
        return (looks++ < 3 ? [{ record_id: "late" }] : []) as Row[];
      }
      return await rows().query<Row>(sql, parameters);
    },
  };
  const none = { ...erasureOfAlice(), run_ids: [] };
  const done = await eraser(objects, recorder(), keyring, undefined, ahead).advance(none);
  expect(done).toMatchObject({ state: "done", run_ids: ["r1"], key_ids: expect.arrayContaining([run]) });
  expect(erasedUntil).toEqual([newestTime, newestTime]);
  // Rows that come late are of before it was done.
  expect(done.received_until).toBe(done.done_time);
  expect(looks).toBeGreaterThan(3);
});

test("who is at work all the time is erased as of one more act: later runs keep their keys, and few acts come", async () => {
  const runKeys = await keysFor(ALICE, RUN);
  const timeOf = (run: number) => BigInt(Date.UTC(2026, 10, 29, 11, 59) + run * 30_000) * 1_000_000n;
  let runs = 1;
  const begin = async () => {
    runs++;
    runKeys.push(...(await keysFor(runSubject("t", `r${runs}`))));
  };
  const ids = (count: number) => Array.from({ length: count }, (_, n) => ({ run_id: `r${n + 1}` }));
  const busy: Rows = {
    ...rows(),
    query: async <Row>(sql: string, parameters?: QueryParameters) => {
      if (sql.includes("AS named")) return ids(runs) as Row[];
      if (sql.includes("DISTINCT run_id")) {
        const untilNs = unixNanoFromRfc3339(String(parameters?.["until"]));
        return ids(runs).filter((_, n) => timeOf(n + 1) <= untilNs) as Row[];
      }
      if (sql.includes("AS newest")) {
        const [last] = ((parameters?.["run_ids"] ?? []) as string[])
          .map((id) => Number(id.slice(1)))
          .sort((a, b) => b - a);
        return [{ n: "1", newest: String(timeOf(last ?? 1)) }] as Row[];
      }
      return await rows().query<Row>(sql, parameters);
    },
  };
  // A new run whenever anything is recorded, and at each look at her keys.
  const keysOf: Keyring["keysOf"] = async (people) => {
    await begin();
    return await keyring.keysOf(people);
  };
  const ring: Keyring = { ...keyring, keysOf };
  const done = await eraser(objects, recorder(begin), ring, undefined, busy).advance(erasureOfAlice());
  expect(done.state).toBe("done");
  expect(logged.length).toBeLessThanOrEqual(4);
  expect(done.key_ids).toEqual(runKeys.slice(0, done.key_ids.length));
  expect(await livingKeys(...ids(runs).map(({ run_id }) => runSubject("t", run_id)))).toEqual(
    runKeys.slice(done.key_ids.length),
  );
});

/** Where alice's newest record was received at a time. */
const newestAt = (time: () => string, command: Rows["command"] = rows().command): Rows => ({
  ...rows(),
  command,
  query: async <Row>(sql: string) =>
    (sql.includes("AS newest")
      ? [{ n: "1", newest: String(unixNanoFromRfc3339(time())) }]
      : await rows().query(sql)) as Row[],
});

test("what came since its act, also while a hold made it wait, goes by another act, which a rebuild is bound by; not when the keys are gone", async () => {
  const keys = await keysFor(ALICE, RUN);
  const first = {
    action: "erasure",
    principal: { keyId: null, name: "dpo", roles: new Set() },
    reason: null,
  } as unknown as Act;
  await recorder().record({ ...first, target: { ...targetOf(erasureOfAlice(), keys, { [SHARD]: 0 }) } });
  const [later] = await keysFor(runSubject("t", "r2"));
  await publishSmallLog(objects, [recordOf(stepRow("r2", "s1"), {})], "1");
  const erasedUntil: unknown[] = [];
  const livingAtAct: number[] = [];
  const acts = recorder(async () => void livingAtAct.push((await livingKeys(ALICE, RUN)).length));
  const known = newestAt(
    () => "2026-11-29T12:00:00.900000000Z",
    async (_sql, parameters) => void erasedUntil.push(parameters?.["until"]),
  );
  const waiting: KeptErasure = { ...erasureOfAlice(), state: "destroying", key_ids: keys, run_ids: ["r1", "r2"] };
  const done = await eraser(objects, acts, keyring, undefined, known).advance(waiting);
  expect(livingAtAct).toEqual([2]);
  expect(logged[1]?.act?.target).toMatchObject({ erasure_id: "e-1", key_ids: [later], log_sizes: { 0: 1, 1: 1 } });
  expect(done).toMatchObject({ state: "done", log_indexes: [0, 1], received_until: timeOfAct(1) });
  expect(new Set(done.key_ids)).toEqual(new Set([...keys, later]));
  const gone = { ...waiting, erasure_id: "e-2", log_sizes: { 0: 2, 1: 1 } };
  expect((await eraser(objects, acts, keyring, undefined, known).advance(gone)).state).toBe("done");
  expect([logged.length, await livingKeys(ALICE, RUN, runSubject("t", "r2"))]).toEqual([2, []]);
  expect(erasedUntil).toEqual([timeOfAct(1), timeOfAct(1), gone.received_until, gone.received_until]);
});

test("what a published log has, though its collector is gone before ClickHouse's index of it, is not waited for; what none has is", async () => {
  await keysFor(ALICE, RUN);
  const record = recordOf(stepRow("r1", "lost"), {});
  let missing = record.record_id;
  const behind: Rows = {
    ...rows(),
    query: async <Row>(sql: string, parameters?: QueryParameters) => {
      if (sql.includes("AS newest")) return [{ n: "1", newest: String(BigInt(NOW) * 1_000_000n) }] as Row[];
      if (sql.includes("NOT IN (SELECT record_id FROM log_entries")) return [{ record_id: missing }] as Row[];
      if (sql.includes("AS next")) return [{ next: "1" }] as Row[];
      return await rows().query<Row>(sql, parameters);
    },
  };
  await publishSmallLog(objects, [recordOf(stepRow("r1", "s1"), {}), record], "1");
  const advance = (erasure_id: string) =>
    eraser(objects, recorder(), keyring, undefined, behind).advance({ ...erasureOfAlice(), erasure_id });
  expect((await advance("e-1")).state).toBe("done");
  missing = "0".repeat(64);
  let elapsed = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => (elapsed += 20_000));
  try {
    await expect(advance("e-2")).rejects.toMatchObject({ hint: expect.stringContaining("runledger rebuild") });
  } finally {
    clock.mockRestore();
  }
});

test("nothing is recorded while ClickHouse lacks what another log of the store has, but for what has left it by age", async () => {
  const { store } = eraser();
  const ofShard = async (shard: string, ...daysAgo: number[]): Promise<string[]> => {
    const records = daysAgo.map((days, index) => {
      const received_time = new Date(NOW - days * 86_400_000).toISOString().replace("Z", "000000Z");
      return recordOf(stepRow("r9", `${shard}-${index}`), { received_time });
    });
    await publishSmallLog(objects, records, shard);
    return records.map(({ record_id }) => record_id);
  };
  // One of shard 1 went to another ClickHouse, the other one to this.
  const [other = "", newest = ""] = await ofShard("1", 28, 3);
  const [old = ""] = await ofShard("2", 30);
  const lacking = (...ids: string[]): Rows => ({
    ...rows(),
    query: async <Row>(sql: string, parameters?: QueryParameters) =>
      ids.includes(String(parameters?.["recordId"])) ? [] : await rows().query<Row>(sql),
  });
  const erasing = (known: Rows) => eraser(objects, recorder(), keyring, undefined, known);
  const begun = await store.add(erasureOfAlice());
  let elapsed = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => (elapsed += 20_000));
  const lacks = {
    message: expect.stringContaining("lacks what shard 1 has"),
    hint: expect.stringContaining("share one"),
  };
  try {
    for (const lacked of [other, newest])
      await expect(erasing(lacking(lacked, old)).advance(begun)).rejects.toMatchObject(lacks);
    const destroying = { ...begun, erasure_id: "e-2", state: "destroying" as const };
    await expect(erasing(lacking(other, old)).advance(destroying)).rejects.toMatchObject(lacks);
  } finally {
    clock.mockRestore();
  }
  expect(logged).toEqual([]);
  expect(await store.underWay()).toMatchObject([{ state: "recording", key_ids: [] }, { erasure_id: "e-2" }]);
  expect(await erasing(lacking(old)).advance(begun)).toMatchObject({ state: "done" });
});

test.each([
  ["before", "is idle"],
  ["after", "is idle"],
  ["before", "is at work"],
  ["after", "is at work"],
] as const)(
  "a crash %s any write ends with the erasure done when it is gone on with, of who %s",
  async (when, does) => {
    // Something has always come right after the newest act, as of the first one.
    const newest = () => timeOfAct(Math.max(0, logged.length - 1)).replace("00Z", "01Z");
    const known = does === "is idle" ? rows() : newestAt(newest);
    for (let crashAt = 0; ; crashAt++) {
      const ids = await keysFor(ALICE, RUN, BOB);
      const id = `e-${when}-${crashAt}`;
      const argumentsFile = await askedAndDenied(id);
      await createErasureStore(objects).add({
        ...erasureOfAlice(),
        erasure_id: id,
        log_sizes: { [SHARD]: logged.length },
      });
      let writes = 0;
      const faulty = { ...objects };
      for (const name of WRITES) {
        const write = objects[name] as (...all: unknown[]) => Promise<unknown>;
        Object.assign(faulty, {
          [name]: async (...all: unknown[]) => {
            const position = writes++;
            if (position < crashAt) return write(...all);
            if (position === crashAt && when === "after") await write(...all);
            throw new StorageError("unavailable", "crash");
          },
        });
      }
      const crashed = await openOrCreateKeyring(faulty, { file: join(dir, "master.key") });
      const kept = { ...erasureOfAlice(), erasure_id: id, log_sizes: { [SHARD]: logged.length } };
      await eraser(faulty, recorder(), crashed, undefined, known)
        .advance(kept)
        .catch(() => undefined);

      const again = eraser(objects, recorder(), keyring, undefined, known);
      for (const one of await again.store.underWay()) await again.advance(one);
      await keyring.finishDestruction();
      const one = (await again.store.newest("t", 100, null)).find(({ erasure }) => erasure.erasure_id === id)?.erasure;
      expect({ crashAt, state: one?.state, keys: new Set(one?.key_ids) }).toEqual({
        crashAt,
        state: "done",
        keys: new Set(ids.slice(0, 2)),
      });
      // A rebuild is bound by the last act.
      const indexes = logged.flatMap(({ act }, at) => (act?.target["erasure_id"] === id ? [at] : []));
      expect({ crashAt, indexes: one?.log_indexes }).toEqual({ crashAt, indexes });
      expect(indexes.length).toBeLessThanOrEqual(does === "is idle" ? 1 : 3);
      if (does === "is at work") expect(one?.received_until).toBe(timeOfAct(indexes.at(-1) ?? 0));
      expect(await livingKeys(ALICE, RUN, BOB)).toEqual(ids.slice(2));
      const state = JSON.stringify(await createApprovalDocument(objects).read());
      expect({ crashAt, left: state.match(/words-\S+/), file: await objects.read(argumentsFile) }).toEqual({
        crashAt,
        left: null,
        file: null,
      });
      if (writes <= crashAt) {
        expect(crashAt).toBeGreaterThan(4);
        break;
      }
    }
  },
  60_000,
);

test("of very many logs and keys an act still fits", () => {
  const keyIds = Array.from({ length: 600 }, () => "0".repeat(32));
  const sizesOf = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`runledger-collector-${n}`, 1e9 + n]));
  for (const count of [1, 150, 200, 5_000])
    expect(JSON.stringify(targetOf(erasureOfAlice(), keyIds, sizesOf(count))).length).toBeLessThan(30_000);
  expect(targetOf(erasureOfAlice(), keyIds, sizesOf(100)).log_sizes).toEqual(sizesOf(100));
});

test("asked twice at once it is done once", async () => {
  await keysFor(ALICE);
  const one = eraser();
  await Promise.all([one.advance(erasureOfAlice()), one.advance(erasureOfAlice())]);
  expect(logged).toHaveLength(1);
});

/** The days of the month's content are counted already. */
async function aged(): Promise<ReturnType<typeof createContentAges>> {
  const ages = createContentAges(objects);
  const days = { first_time: "2020-01-01T00:00:00.000Z", last_wall_day: 10_000, steady_days: 2, gaps: [] };
  const months = [{ month: MONTH, from_day: 0, bytes: 100_000, recorded: false }];
  await ages.update(() => ({ ...days, wall_day: 10_000, months }));
  // The clock goes on from there without a step that is too long to be steady.
  return {
    ...ages,
    update: (change) => ages.update((state) => ({ ...change(state), wall_day: 10_000, steady_days: 2 })),
  };
}

test("content expires by whole months, recorded first; not before its time, and not while a hold is in force", async () => {
  const documents = { ages: await aged(), expiries: createExpiryStore(objects), holds: createHoldStore(objects) };
  const dependencies = { keyring, ...documents };
  const settings = { retentionDays: 30, tenant: "default" };
  await keysFor(ALICE, BOB);
  const at = (day: number) => ({ ...dependencies, acts: recorder(), clock: () => Date.UTC(2026, 11, day) });
  expect(await expireContent(at(30), settings)).toEqual([]);
  const hold = { hold_id: "h", scope: { user_id: "somebody" }, reason: "r", by: "b", set_time: "", tenant: "other" };
  await dependencies.holds.update(() => ({ holds: [hold] }));
  // Nor is any ring read, at each upkeep, to know what would.
  const unread = { ...keyring, countKeys: async () => Promise.reject(new Error("rings were read")) };
  expect(await expireContent({ ...at(31), keyring: unread }, settings)).toEqual([]);
  expect(await livingKeys(ALICE, BOB)).toHaveLength(2);
  await dependencies.holds.update(() => ({ holds: [] }));
  expect(await expireContent(at(31), settings)).toEqual([MONTH]);
  expect(logged[0]?.act).toMatchObject({
    action: "expiry",
    actor: { name: "runledger" },
    target: { class: "content", retention_days: 30, key_id_prefixes: [MONTH] },
  });
  expect(await livingKeys(ALICE, BOB)).toEqual([]);
  // Once more does nothing but look, and what came late into the old month has its own time.
  await keysFor(ALICE);
  expect(await expireContent(at(32), settings)).toEqual([]);
  expect(logged).toHaveLength(1);
  expect(await livingKeys(ALICE)).toHaveLength(1);
});

test("an expiry that could not be recorded destroys nothing", async () => {
  await keysFor(ALICE);
  const acts = recorder(async () => {
    throw new StorageError("unavailable", "no collector");
  });
  const documents = { ages: await aged(), expiries: createExpiryStore(objects), holds: createHoldStore(objects) };
  const dependencies = { keyring, acts, ...documents };
  const expiring = expireContent(
    { ...dependencies, clock: () => Date.UTC(2028, 0) },
    { retentionDays: 30, tenant: "t" },
  );
  await expect(expiring).rejects.toThrow("no collector");
  expect(await livingKeys(ALICE)).toHaveLength(1);
});

test.each(["before it is recorded", "after"])(
  "a hold set %s stops it before keys are destroyed, and lifted it goes on",
  async (when) => {
    const ids = await keysFor(ALICE, RUN);
    const holds = createHoldStore(objects);
    const hold = { hold_id: "h", scope: { run_id: "r1" }, reason: "court", by: "b", set_time: "", tenant: "t" };
    const set = async () => void (await holds.update(() => ({ holds: [hold] })));
    const kept = await createErasureStore(objects).add(erasureOfAlice());
    if (when !== "after") await set();
    const acts = when === "after" ? recorder(set) : recorder();
    await expect(eraser(objects, acts).advance(kept)).rejects.toMatchObject({ code: "conflict" });
    expect(logged).toHaveLength(when === "after" ? 1 : 0);
    expect(await livingKeys(ALICE, RUN)).toEqual(ids);
    await holds.update(() => ({ holds: [] }));
    const again = eraser();
    for (const one of await again.store.underWay()) await again.advance(one);
    expect(await livingKeys(ALICE, RUN)).toEqual([]);
    expect(logged).toHaveLength(1);
  },
);

test("a hold set at any moment of an erasure stops it, or is told that it came too late: never neither", async () => {
  const outcomes = new Map<string, number>();
  for (let moment = 0; ; moment++) {
    const ids = await keysFor(ALICE, RUN);
    const erasure_id = `e-${moment}`;
    const kept = await createErasureStore(objects).add({
      ...erasureOfAlice(),
      erasure_id,
      log_sizes: { [SHARD]: logged.length },
    });
    const holds = createHoldStore(objects);
    const hold = { hold_id: "h", scope: { run_id: "r1" }, reason: "court", by: "b", set_time: "", tenant: "t" };
    let calls = 0;
    let tooLateFor: string[] | null = null;
    const watched = { ...objects };
    for (const name of ["read", "readVersioned", ...WRITES] as const) {
      const act = objects[name] as (...all: unknown[]) => Promise<unknown>;
      Object.assign(watched, {
        [name]: async (...all: unknown[]) => {
          if (calls++ === moment) tooLateFor = await addHold(holds, hold);
          return await act(...all);
        },
      });
    }
    const ring = await openOrCreateKeyring(watched, { file: join(dir, "master.key") });
    const ended = await eraser(watched, recorder(), ring)
      .advance(kept)
      .then(() => "done")
      .catch(({ code }: { code: string }) => code);
    if (tooLateFor === null) break;
    const left = await livingKeys(ALICE, RUN);
    const isTold = (tooLateFor as string[]).includes(erasure_id);
    const isOver = (await createErasureStore(objects).underWay()).length === 0;
    const outcome = `${ended}, ${isTold ? "told" : "not told"}`;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    // Stopped with all keys; or done, and whoever set the hold before it was over knows.
    expect({ moment, ended, left: left.length, isTold }).toEqual(
      ended === "conflict"
        ? { moment, ended, left: ids.length, isTold: false }
        : { moment, ended: "done", left: 0, isTold: true },
    );
    expect(isOver).toBe(ended === "done");
    await holds.update(({ destroying }) => ({ holds: [], ...(destroying && { destroying }) }));
    for (const one of await eraser().store.underWay()) await eraser().advance(one);
    expect(await livingKeys(ALICE, RUN)).toEqual([]);
    expect((await holds.read()).destroying).toBeUndefined();
  }
  process.stdout.write(`a hold at each call of an erasure: ${JSON.stringify(Object.fromEntries(outcomes))}\n`);
  expect(outcomes.get("conflict, not told")).toBeGreaterThan(5);
  expect(outcomes.get("done, told")).toBeGreaterThan(3);
}, 120_000);

test("one tenant's holds leave the others room", async () => {
  const holds = createHoldStore(objects);
  const hold = { hold_id: "h", scope: { all: true as const }, reason: "r", by: "b", set_time: "", tenant: "acme" };
  await holds.update(() => ({ holds: Array.from({ length: 1_000 }, (_, i) => ({ ...hold, hold_id: `${i}` })) }));
  await expect(addHold(holds, hold)).rejects.toThrow("1000 holds are in force, which is the limit of a tenant");
  expect(await addHold(holds, { ...hold, tenant: "ours" })).toEqual([]);
});

test("an expiry that was claimed tells a hold that it came too late; one that was held first waits", async () => {
  await keysFor(ALICE);
  const holds = createHoldStore(objects);
  const hold = { hold_id: "h", scope: { all: true as const }, reason: "r", by: "b", set_time: "", tenant: "t" };
  const documents = { ages: await aged(), expiries: createExpiryStore(objects), holds };
  const base = { keyring, ...documents, clock: () => Date.UTC(2028, 0) };
  const settings = { retentionDays: 30, tenant: "t" };
  await addHold(holds, hold);
  expect(await expireContent({ ...base, acts: recorder() }, settings)).toEqual([]);
  expect([(await livingKeys(ALICE)).length, logged.length]).toEqual([1, 0]);
  await holds.update(() => ({ holds: [] }));
  // It can't be recorded just now: it stays claimed, and who sets a hold meanwhile is told.
  const refusing = recorder(async () => {
    expect(await addHold(holds, hold)).toEqual([`expiry ${MONTH}`]);
    throw new StorageError("unavailable", "no collector");
  });
  await expect(expireContent({ ...base, acts: refusing }, settings)).rejects.toThrow("no collector");
  expect(await livingKeys(ALICE)).toHaveLength(1);
  await holds.update((state) => ({ ...state, holds: [] }));
  let tooLateFor: string[] = [];
  const destroyMonth = async (month: string, but: ReadonlySet<string>): Promise<number> => {
    tooLateFor = await addHold(holds, hold);
    return await keyring.destroyMonth(month, but);
  };
  await expireContent({ ...base, keyring: { ...keyring, destroyMonth }, acts: recorder() }, settings);
  expect(tooLateFor).toEqual([`expiry ${MONTH}`]);
  expect(await livingKeys(ALICE)).toEqual([]);
  expect((await holds.read()).destroying).toBeUndefined();
});

test("of two processes that go on with one erasure at once, one records its acts", async () => {
  await keysFor(ALICE, RUN);
  await createErasureStore(objects).add(erasureOfAlice());
  const lease = (holder: string) => createLease(objects, "state/lease.json", { holder, now: () => performance.now() });
  const both = [eraser(objects, recorder(), keyring, lease("a")), eraser(objects, recorder(), keyring, lease("b"))];
  const ended = await Promise.allSettled(both.map((one) => one.advance(erasureOfAlice())));
  expect(ended.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(logged).toHaveLength(1);
});
