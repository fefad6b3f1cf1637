import { approvalRequest, statePath } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { argumentsPath, createApprovalDocument, withApproval, withDecision } from "../approvals/approval-book.ts";
import { createKillDocument, withKill, withRecorded } from "../control/kill-book.ts";
import { STORES, type StoreUnderTest, startStore } from "../testing/store-under-test.ts";
import { eraseWords } from "./erase-words.ts";

const NOW = Date.UTC(2026, 10, 30);
const LATER = NOW + 60_000;
const MOMENT = NOW + 30_000;
const OF_R1 = { tenant: "t", runIds: new Set(["r1"]), untilMs: Number.POSITIVE_INFINITY };
const PRINCIPAL = { keyId: null, name: "op", roles: new Set<never>(), tenant: "t", everyTenant: false };

let store: StoreUnderTest;
let objects: Objects;
afterEach(() => store.close());

async function ask(id: string, { tenant = "t", run_id = "r1", nowMs = NOW } = {}): Promise<string> {
  const approval_id = id.padStart(32, "0");
  const path = argumentsPath(tenant, approval_id);
  await objects.replace(path, Buffer.from(`arguments of ${id}`));
  const asking = { approval_id, run_id, tool: "pay", question: `question of ${id}`, timeout_ms: 86_400_000 };
  const request = approvalRequest.parse(asking);
  const kept = { argumentsPath: path, argumentsKeyId: null, argumentsCut: false, announced: false };
  await createApprovalDocument(objects).update(
    (state) => withApproval(state, { tenant, request, ...kept, nowMs }).state,
  );
  return approval_id;
}

async function deny(id: string, nowMs: number): Promise<void> {
  const denial = { status: "denied", by: "b", reason: `reason of ${id}`, nowMs } as const;
  await createApprovalDocument(objects).update((state) => withDecision(state, "t", id.padStart(32, "0"), denial));
}

const words = async () =>
  (await createApprovalDocument(objects).read()).approvals.map(({ question, reason, status }) => [
    question,
    reason,
    status,
  ]);

describe.each(STORES)("in %s", (kind) => {
  beforeEach(async () => {
    store = await startStore(kind);
    objects = await store.open();
  });

  test("what was asked, with which arguments, and why it was denied is gone; others' and other tenants' stay, and who waits goes on to wait", async () => {
    for (const id of ["a", "b"]) await ask(id);
    await ask("c", { run_id: "r2" });
    await ask("d", { tenant: "other" });
    await deny("a", NOW);
    await deny("c", NOW);
    await eraseWords(objects, OF_R1);
    expect(await words()).toEqual([
      [null, null, "denied"],
      [null, null, "pending"],
      ["question of c", "reason of c", "denied"],
      ["question of d", null, "pending"],
    ]);
    const left = ["a", "b", "c"].map((id) => objects.read(argumentsPath("t", id.padStart(32, "0"))));
    expect((await Promise.all(left)).map((bytes) => bytes !== null)).toEqual([false, false, true]);
    await deny("b", LATER);
    expect((await words())[1]).toEqual([null, "reason of b", "denied"]);
  });

  test("once it is done, what is asked and answered later stays, what was on its way goes", async () => {
    await ask("a");
    await ask("b", { nowMs: LATER });
    await deny("a", LATER);
    await eraseWords(objects, { ...OF_R1, untilMs: MOMENT });
    expect(await words()).toEqual([
      [null, "reason of a", "denied"],
      ["question of b", null, "pending"],
    ]);
    const { version } = await createApprovalDocument(objects).read();
    await eraseWords(objects, { ...OF_R1, untilMs: MOMENT });
    expect((await createApprovalDocument(objects).read()).version).toBe(version);
  });

  test("a request in the state of before, its arguments in the clear, goes as well", async () => {
    await ask("a");
    const path = statePath("approvals");
    const state = JSON.parse(Buffer.from((await objects.read(path)) ?? Buffer.of()).toString());
    for (const one of state.approvals) delete one.arguments_key_id;
    await objects.replace(path, Buffer.from(JSON.stringify(state)));
    await eraseWords(objects, OF_R1);
    expect(await words()).toEqual([[null, null, "pending"]]);
    expect(await objects.read(argumentsPath("t", "a".padStart(32, "0")))).toBeNull();
  });

  test("a kill of the run stays in force without its reason, once that is in the log", async () => {
    const kills = createKillDocument(objects);
    const reasons = async () => (await kills.read()).kills.map(({ reason }) => reason);
    for (const run_id of ["r1", "r2"])
      await kills.update(
        (state) =>
          withKill(state, { scope: { run_id }, reason: `of ${run_id}`, principal: PRINCIPAL, nowMs: NOW }).state,
      );
    await eraseWords(objects, OF_R1);
    expect(await reasons()).toEqual(["of r1", "of r2"]);
    for (const { kill_id } of (await kills.read()).kills) await kills.update((state) => withRecorded(state, kill_id));
    await eraseWords(objects, OF_R1);
    expect(await reasons()).toEqual(["erased", "of r2"]);
  });

  test("a kill that was set after the erasure was done keeps its reason, when late rows are erased", async () => {
    const kills = createKillDocument(objects);
    for (const [run_id, nowMs] of [
      ["r1", LATER],
      ["r3", NOW],
    ] as const) {
      const order = { scope: { run_id }, reason: `of ${run_id}`, principal: PRINCIPAL, nowMs };
      await kills.update((state) => withKill(state, order).state);
    }
    for (const { kill_id } of (await kills.read()).kills) await kills.update((state) => withRecorded(state, kill_id));
    await eraseWords(objects, { ...OF_R1, runIds: new Set(["r1", "r3"]), untilMs: MOMENT });
    expect((await kills.read()).kills.map(({ reason }) => reason)).toEqual(["of r1", "erased"]);
  });
});
