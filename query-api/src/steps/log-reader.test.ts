import { GEN_AI, type PayloadName, type PayloadRef, type RunledgerRecord } from "@runledger/contract";
import { expect, test } from "vitest";
import { createMemoryObjects } from "../testing/memory-objects.ts";
import { publishSmallLog, recordOf } from "../testing/small-log.ts";
import { at, sha256, stepRow } from "../testing/step-rows.ts";
import { createLogChoice } from "./log-choice.ts";
import { readLogs } from "./log-reader.ts";

const MiB = 1024 * 1024;

function refOf(sizeBytes: number): PayloadRef {
  return { sha256: sha256("x"), size_bytes: sizeBytes, media_type: "application/json", pack: sha256("p"), offset: 0 };
}

function logOf(n: number, name: string, kind: RunledgerRecord["kind"], sizes: Partial<Record<PayloadName, number>>) {
  const payloads = Object.fromEntries(Object.entries(sizes).map(([key, size]) => [key, refOf(size)]));
  return recordOf(stepRow("r1", `${n}`, { name, start_time: at(n) }), { event: "log", kind, name, payloads });
}

/** Reads them newest first, as the thread would; what was asked of it, and what came of it. */
async function read(records: RunledgerRecord[], isModelCall: boolean, own: PayloadName[] = []) {
  const objects = createMemoryObjects();
  await publishSmallLog(objects, records);
  const asked: string[] = [];
  const thread = {
    async read(payloads: Record<string, PayloadRef>) {
      asked.push(Object.keys(payloads).join("+"));
      return Object.fromEntries(
        Object.entries(payloads).map(([name, { size_bytes }]) => [name, new Uint8Array(size_bytes)]),
      );
    },
    close: () => Promise.resolve(),
  };
  const positions = records.map((_, log_index) => ({ shard: "0", log_index, leaf_hash: "" })).reverse();
  const choice = createLogChoice(isModelCall, new Set(own));
  const { logs, leftOut, absent } = await readLogs({ objects, findKey: undefined, thread }, positions, choice);
  return {
    asked,
    leftOut,
    absent,
    read: logs.map(({ at: { log_index }, content }) => [log_index, Object.keys(content)]),
  };
}

test("of details of a call that are told again and again, only what is shown is read: the newest, and the answers of all", async () => {
  const details = [0, 1, 2].map((n) =>
    logOf(n, GEN_AI.detailsEvent, "llm", { messages: 30 * MiB, response: MiB, ...(n === 0 && { system_prompt: MiB }) }),
  );
  expect(await read(details, true)).toEqual({
    asked: ["messages+response", "response", "system_prompt+response"],
    read: [
      [2, ["messages", "response"]],
      [1, ["response"]],
      [0, ["system_prompt", "response"]],
    ],
    leftOut: 0,
    absent: 0,
  });
  expect((await read(details, true, ["messages", "response"])).asked).toEqual(["system_prompt"]);
});

test("they end at 64 MiB, the newest first, and the others are counted; attributes that lie aside count too", async () => {
  const events = [0, 1, 2, 3, 4].map((n) => logOf(n, "app.event", "other", { overflow: 20 * MiB }));
  const { asked, read: logs, leftOut } = await read(events, true);
  expect(logs.map(([index]) => index)).toEqual([4, 3, 2]);
  expect(asked).toEqual(["overflow", "overflow", "overflow"]);
  expect(leftOut).toBe(2);
});

test("one that is larger alone is shown", async () => {
  const { read: logs, leftOut } = await read([logOf(0, "app.event", "other", { overflow: 70 * MiB })], false);
  expect(logs).toEqual([[0, ["overflow"]]]);
  expect(leftOut).toBe(0);
});

test("a step that is no model call shows all contents of its log records, and those not published yet are absent", async () => {
  const message = logOf(0, "gen_ai.user.message", "llm", { messages: MiB });
  expect((await read([message], false)).asked).toEqual(["messages"]);
  const objects = createMemoryObjects();
  await publishSmallLog(objects, [message]);
  const nobody = { read: () => Promise.reject(new Error("nothing to read")), close: () => Promise.resolve() };
  const later = [{ shard: "0", log_index: 1, leaf_hash: "" }];
  const choice = createLogChoice(false, new Set());
  expect(await readLogs({ objects, findKey: undefined, thread: nobody }, later, choice)).toEqual({
    ...{ logs: [], absent: 1, leftOut: 0 },
  });
});
