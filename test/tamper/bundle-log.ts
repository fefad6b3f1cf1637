import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { NormalizedFrame, NormalizedRecord } from "@runledger/collector";
import { type RunledgerRecord, userSubject } from "@runledger/contract";
import { exportOffline } from "@runledger/query-api";
import { openKeyring } from "@runledger/storage";
import { createSampleStore, frameOf, openSampleSink, type SampleStore, SHARD } from "./sample-log.ts";

/** A log of runs whose records are numbered, and bundles of it. */
export interface BundleLog {
  store: SampleStore;
  write(frame: NormalizedFrame): Promise<void>;
  /** A bundle's bytes. */
  export(filter?: Record<string, string>, more?: { content?: boolean; since_checkpoint?: number }): Promise<Buffer>;
  checkpoint(): Promise<Buffer>;
  /**
   * Destroys the keys of what was sealed for a user, and records it, as an erasure does; `inBetween`: what comes after the act, as while a hold makes it
   * wait; `meanwhile`: what is done then.
   */
  erase(user: string, seq: number, inBetween?: NormalizedFrame, meanwhile?: () => Promise<void>): Promise<void>;
  /** Records that all keys have expired, as an act of another tenant's, and takes the packs away. */
  expire(tenant: string, seq: number, retentionDays?: number): Promise<void>;
  remove(): Promise<void>;
}

export async function createBundleLog(given?: SampleStore): Promise<BundleLog> {
  const store = given ?? (await createSampleStore());
  let { sink } = await openSampleSink(store);
  return {
    store,
    write: (frame) => sink.write([frame]),
    async export(filter = {}, { content = true, ...more } = {}) {
      const keyring = await openKeyring(store.objects, store.masterKey);
      const target = join(store.directory, `bundle-${Math.random()}.tar`);
      const asked = { filter, recipient: "the auditor", reason: "test", content, ...more };
      const where = { shard: SHARD, tenant: "default", exporter: "tester", nowMs: Date.UTC(2026, 1, 1) };
      await exportOffline(store.objects, keyring?.reader(), { ...asked, ...where }, target, () => undefined);
      const bytes = await readFile(target);
      await rm(target);
      return bytes;
    },
    checkpoint: async () => Buffer.from((await store.objects.read(`log/${SHARD}/checkpoint`)) ?? []),
    async erase(user, seq, inBetween, meanwhile) {
      const keyring = await openKeyring(store.objects, store.masterKey);
      if (keyring === null) throw new Error("nothing was sealed");
      const pseudonym = keyring.pseudonymOf(userSubject("default", user));
      const keyIds = (await keyring.keysOf(new Set([pseudonym]))).map(({ keyId }) => keyId);
      const actor = { key_id: null, name: "tester", roles: ["admin"] };
      const act = { action: "erasure", actor, reason: "asked to", target: { key_ids: keyIds } };
      await sink.write([
        frame(seq, [{ event: "act", kind: "other", name: "erasure", run_id: "", received_time: timeAt(60), act }]),
        ...(inBetween === undefined ? [] : [inBetween]),
      ]);
      await meanwhile?.();
      await keyring.destroy(keyIds);
      ({ sink } = await openSampleSink(store));
    },
    async expire(tenant, seq, retentionDays) {
      const keyring = await openKeyring(store.objects, store.masterKey);
      if (keyring === null) throw new Error("nothing was sealed");
      const key_id_prefixes = [...(await keyring.months()).keys()];
      const days = retentionDays === undefined ? {} : { retention_days: retentionDays };
      const actor = { key_id: null, name: "retention", roles: [] };
      const act = { action: "expiry", actor, reason: null, target: { class: "content", key_id_prefixes, ...days } };
      const facts = { event: "act", kind: "other", name: "expiry", run_id: "", received_time: timeAt(90), tenant, act };
      await sink.write([frame(seq, [facts as Partial<RunledgerRecord>])]);
      await rm(join(store.directory, "objects/payloads"), { recursive: true });
    },
    remove: () => rm(store.directory, { recursive: true, force: true }),
  };
}

/** A whole run: start, steps and end, numbered. Times of receipt go on by a second a record from `second` on. */
export function runFrame(
  seq: number,
  { run, agent, user, steps, second }: { run: string; agent: string; user: string; steps: number; second: number },
): NormalizedFrame {
  const of = (record: Partial<RunledgerRecord>, i: number): Partial<RunledgerRecord> => ({
    run_id: run,
    run_seq: i,
    run: { ...NOBODY, agent_name: agent, user_id: user },
    received_time: timeAt(second + i),
    ...record,
  });
  const records = [
    of({ event: "run_start" }, 0),
    ...Array.from({ length: steps }, (_, i) => of(i % 2 === 0 ? MODEL_CALL : TOOL_CALL, i + 1)),
    of(
      { event: "run_end", end: { status: "completed", outcome: "done", reason: null, records: steps + 2 } },
      steps + 1,
    ),
  ];
  return frame(seq, records);
}

export function timeAt(second: number): string {
  return `2026-01-01T00:${String(Math.floor(second / 60)).padStart(2, "0")}:${String(second % 60).padStart(2, "0")}.000000000Z`;
}

export function frame(seq: number, records: readonly Partial<RunledgerRecord>[]): NormalizedFrame {
  const sample = frameOf(seq, records.length);
  return {
    ...sample,
    records: sample.records.map((record, i): NormalizedRecord => {
      const changes = records[i] as Partial<NormalizedRecord["facts"]>;
      const content = changes.event === "act" || changes.event === "run_start" ? {} : record.content;
      return { ...record, content, facts: { ...record.facts, ...changes } };
    }),
  };
}

export const NOBODY: RunledgerRecord["run"] = {
  ...{ task_id: null, task_type: null, agent_name: null, agent_version: null, session_id: null, user_id: null },
  heartbeat_interval_ms: null,
};
const MODEL_CALL: Partial<RunledgerRecord> = {
  kind: "llm",
  name: "chat ₤ 𐀀",
  llm: {
    ...{ provider: "openai", request_model: "gpt-4o", response_model: null, response_id: null },
    ...{ system_prompt_sha256: null, prompt_sha256: null, tools_sha256: null, finish_reasons: ["stop"] },
    ...{ input_tokens: 120, output_tokens: 7, cache_read_tokens: null, cache_write_tokens: null },
    ...{ reasoning_tokens: null, time_to_first_token_ms: 12.5, streaming: true, counted: true },
    ...{ tool_requests: [], tool_results: [] },
  },
  cost: { usd: "0.0000125", price_table: "genai-prices", price_version: "1" },
};
const TOOL_CALL: Partial<RunledgerRecord> = {
  kind: "tool",
  name: "lookup",
  tool: {
    ...{ name: "lookup", call_id: "c1", requested_by: null, arguments_sha256: null, result_sha256: null },
    ...{ result_bytes: null, attempt: 1, idempotency_key: null, known: true, valid: true, inferred: false },
  },
};
