import { createHash } from "node:crypto";
import { rfc3339FromUnixNano, type StepRow } from "@runledger/contract";
import { NOTHING_KNOWN } from "@runledger/contract/testing";

/** 2026-01-02T03:04:05Z, epoch ms: when the runs of these tests begin. */
export const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A time `ms` after START_MS, as rows carry it. */
export function at(ms: number): string {
  return rfc3339FromUnixNano(BigInt(START_MS + ms) * 1_000_000n);
}

export function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A row of a run's plain step, with what a test cares about put over it. Its ids come from `key`. */
export function stepRow(run_id: string, key: string, facts: Partial<StepRow> = {}): StepRow {
  const id = sha256(`${run_id}/${key}`);
  return {
    ...NOTHING_KNOWN,
    latency_ms: 1,
    run_id,
    record_id: id,
    trace_id: sha256(run_id).slice(0, 32),
    step_id: id.slice(0, 16),
    name: key,
    start_time: at(0),
    end_time: facts.start_time ?? at(0),
    received_time: facts.start_time ?? at(0),
    ...facts,
  };
}

/** A model call that counts. */
export function llmRow(run_id: string, key: string, facts: Partial<StepRow> = {}): StepRow {
  return stepRow(run_id, key, {
    kind: "llm",
    operation: "chat",
    provider: "openai",
    request_model: "gpt-test",
    response_model: "gpt-test-1",
    llm_counted: true,
    latency_ms: 120.5,
    ...facts,
  });
}

export function toolRow(run_id: string, key: string, facts: Partial<StepRow> = {}): StepRow {
  return stepRow(run_id, key, {
    kind: "tool",
    tool_name: "search",
    arguments_sha256: sha256("{}"),
    attempt: 1,
    ...facts,
  });
}
