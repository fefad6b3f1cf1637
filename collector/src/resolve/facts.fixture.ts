import { createHash } from "node:crypto";
import type { StepRow } from "@runledger/contract";
import { NOTHING_KNOWN } from "@runledger/contract/testing";

export const START_MS = Date.now() - 3_600_000;

/** A time `ms` after START_MS, as rows carry it. */
export function at(ms: number): string {
  return `${new Date(START_MS + ms).toISOString().slice(0, -1)}000000Z`;
}

export function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export function spanId(key: string): string {
  return hash(key).slice(0, 16);
}

/** A row of a run's span, from `startMs` to `endMs`; `parent` is the key of another one. Ids come from `key`. */
export function row(
  key: string,
  startMs: number,
  endMs: number,
  parent: string,
  facts: Partial<StepRow> = {},
): StepRow {
  const runId = facts.run_id ?? "run";
  return {
    ...NOTHING_KNOWN,
    dialect: "openinference",
    scope_name: "outer",
    run_id: runId,
    record_id: hash(`${runId}/${key}`),
    step_id: spanId(`${runId}/${key}`),
    parent_id: parent === "" ? "" : spanId(`${runId}/${parent}`),
    root: parent === "",
    trace_id: hash(runId).slice(0, 32),
    name: key,
    start_time: at(startMs),
    end_time: at(endMs),
    received_time: at(endMs + 5),
    latency_ms: endMs - startMs,
    ...facts,
  };
}

/** A model call that counts, `[input, output]` its tokens. */
export function llm(
  key: string,
  [startMs, endMs]: [number, number],
  parent: string,
  tokens: [number, number] | null,
  facts: Partial<StepRow> = {},
): StepRow {
  return row(key, startMs, endMs, parent, {
    kind: "llm",
    operation: "chat",
    request_model: "gpt-4o",
    llm_counted: true,
    input_tokens: tokens?.[0] ?? null,
    output_tokens: tokens?.[1] ?? null,
    ...facts,
  });
}

export function tool(
  key: string,
  [startMs, endMs]: [number, number],
  parent: string,
  facts: Partial<StepRow> = {},
): StepRow {
  return row(key, startMs, endMs, parent, { kind: "tool", tool_name: "search", ...facts });
}

/** The columns of a model call that asks for tools: [call id, name, arguments]. */
export function asking(...requests: [string, string, string][]): Partial<StepRow> {
  return {
    tool_request_ids: requests.map(([id]) => id),
    tool_request_names: requests.map(([, name]) => name),
    tool_request_arguments: requests.map(([, , given]) => (given === "" ? "" : hash(given))),
  };
}

/** The columns of a model call that is given results: [call id, result], or [`name `…, result] where no id is told. */
export function given(...results: [string, string][]): Partial<StepRow> {
  const nameOf = (id: string) => (id.startsWith("name ") ? id.slice("name ".length) : "");
  return {
    tool_result_ids: results.map(([id]) => (nameOf(id) === "" ? id : "")),
    tool_result_names: results.map(([id]) => nameOf(id)),
    tool_result_errors: results.map(([, text]) => text.startsWith("Error")),
    tool_result_sha256: results.map(([, text]) => hash(text)),
    tool_result_bytes: results.map(([, text]) => text.length),
  };
}
