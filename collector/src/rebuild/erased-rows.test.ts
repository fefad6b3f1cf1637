import {
  canonicalJson,
  encodeEntryBundle,
  entryBundlePath,
  erasedUserLabel,
  rowName,
  type StepRow,
  userSubject,
} from "@runledger/contract";
import type { Keyring } from "@runledger/storage";
import { expect, test } from "vitest";
import { findErasedRows, type PublishedLog } from "./erased-rows.ts";

const keyring = { pseudonymOf: (subject: string) => Buffer.from(subject).toString("hex") } as Keyring;
const pseudonymOf = (user: string) => keyring.pseudonymOf(userSubject("t", user));
const ALICE = erasedUserLabel(pseudonymOf("alice"));

interface Told {
  tenant: string;
  run_id: string;
  run: { user_id: string | null };
  received_time: string;
  act?: object;
}

const at = (time: string) => `2026-11-29T${time}.000000000Z`;
/** A record of r1 that names that user, or nobody. */
const record = (user_id: string | null, time = "12:00:00", run_id = "r1"): Told => ({
  ...{ tenant: "t", run_id, run: { user_id }, received_time: at(time) },
});
const erasure = (subject: object, more = {}): Told => ({
  ...record(null, "12:00:00", "acts"),
  act: { action: "erasure", target: { erasure_id: "e", subject, key_ids: [], ...more } },
});
const ofAlice = (more?: object) => erasure({ kind: "user", pseudonym: pseudonymOf("alice") }, more);

function logOf(shard: string, told: readonly Told[]): PublishedLog {
  const bundle = encodeEntryBundle(told.map((one) => Buffer.from(canonicalJson(one))));
  const read = async (path: string) => (path === entryBundlePath(0, told.length) ? bundle : null);
  return { shard, size: told.length, read };
}

/** What rows made of these logs tell: of an erased record the name alone. */
async function rowsOf(logs: Record<string, Told[]>, keys: Keyring | null = keyring): Promise<string[][]> {
  const published = Object.entries(logs).map(([shard, told]) => logOf(shard, told));
  const erased = await findErasedRows(published, keys);
  return Object.entries(logs).map(([shard, all]) =>
    all.map(({ tenant, run_id, run, received_time }, index) => {
      const texts = { input_preview: "in", output_preview: "out", error_message: "no", end_reason: "why" };
      const given = { ...{ tenant, run_id, user_id: rowName(run.user_id ?? ""), received_time }, ...texts } as StepRow;
      const row = erased.clean(shard, index, given, run.user_id ?? "");
      const left = [row.input_preview, row.output_preview, row.error_message, row.end_reason].filter(Boolean);
      return [row.user_id, ...left].join(" ");
    }),
  );
}

const KEPT = " in out no why";

test("of an erased person no text and no id comes in, nor of records without a name that came before the one that names her", async () => {
  const told = [record(null), record("alice"), record("bob"), record("bob", undefined, "r2"), ofAlice(), record(null)];
  expect(await rowsOf({ "0": told })).toEqual([["", ALICE, "bob", `bob${KEPT}`, KEPT, KEPT]]);
  const other = { ...record("alice"), tenant: "u" };
  expect(await rowsOf({ "0": [other, ofAlice()] })).toEqual([[`alice${KEPT}`, KEPT]]);
  expect(await rowsOf({ "0": [record("alice"), ofAlice()] }, null)).toEqual([[`alice${KEPT}`, KEPT]]);
});

test("a person whose id is longer than a row's is erased", async () => {
  const user = "u".repeat(1_100);
  const subject = { kind: "user", pseudonym: pseudonymOf(user) };
  expect(await rowsOf({ "0": [record(user), erasure(subject)] })).toEqual([[erasedUserLabel(subject.pseudonym), KEPT]]);
});

test("what came to an erased person's run since is there, until another erasure takes it, too", async () => {
  const told = [record("alice"), ofAlice(), record(null), record("alice")];
  expect(await rowsOf({ "0": told })).toEqual([[ALICE, KEPT, KEPT, `alice${KEPT}`]]);
  expect(await rowsOf({ "0": [...told.slice(0, 3), ofAlice()] })).toEqual([[ALICE, KEPT, "", KEPT]]);
});

test("a run of nobody's is erased as far as it came before", async () => {
  const ofRun = erasure({ kind: "run", run_id: "r1" });
  expect(await rowsOf({ "0": [record(null), ofRun, record(null), record(null, undefined, "r2")] })).toEqual([
    ["", KEPT, KEPT, KEPT],
  ]);
});

test("what stands before an act in its log was received before it, though the clock was set back; of other logs their sizes then, or the times, tell", async () => {
  const told = [record("alice", "18:00:20"), ofAlice(), record("alice", "11:00:00")];
  expect(await rowsOf({ "0": told })).toEqual([[ALICE, KEPT, `alice${KEPT}`]]);
  const elsewhere = [record("alice", "11:59:59"), record(null, "12:00:00"), record("alice", "12:00:01")];
  expect(await rowsOf({ "0": elsewhere, "1": [ofAlice()] })).toEqual([[ALICE, "", `alice${KEPT}`], [KEPT]]);
  const ahead = [record("alice", "12:00:20"), record(null, "12:00:20"), record("alice", "12:00:21")];
  const sizes = { log_sizes: { "0": 2 } };
  expect(await rowsOf({ "0": ahead, "1": [ofAlice(sizes)] })).toEqual([[ALICE, "", `alice${KEPT}`], [KEPT]]);
});
