import { type PayloadName, parseLogEntry, type RunledgerRecord, type Step, type StepDetail } from "@runledger/contract";
import type { Keyring, Objects, Rows } from "@runledger/storage";
import { findLogPosition, readLogEntry } from "../audit/log-position.ts";
import type { ContentThread } from "./content-thread.ts";
import { type GoneContents, withGoneContent } from "./gone-content.ts";
import { JsonBytes } from "./json-bytes.ts";
import { mergeLogs, type ShownContent } from "./log-content.ts";
import { readRecord } from "./record-content.ts";
import type { StepLogs } from "./step-logs.ts";
import { wholeStep } from "./whole-step.ts";

export interface StepContents {
  /**
   * The step with everything its record and the log records of its span hold, what is large as JsonBytes; `content: pending` while the record is not in the published log.
   * `where`: its run, with its bounds.
   */
  withContent(step: Step, where: Parameters<StepLogs["ofStep"]>[0]): Promise<StepDetail>;
}

/** Where content comes from: entries and packs, the keys that open them, and why a key is gone. */
export interface ContentStores {
  rows: Rows;
  objects: Objects;
  /** Null: nothing was ever sealed. */
  keyring: Keyring | null;
  gone: GoneContents;
}

export function createStepContents(
  { rows, objects, keyring, gone }: ContentStores,
  logs: StepLogs,
  thread: ContentThread,
): StepContents {
  return {
    async withContent(step, where) {
      const position = await findLogPosition(rows, where.tenant, step.record_id);
      const bytes = position && (await readLogEntry(objects, position));
      if (!position || !bytes) return withoutContent(step, position?.log_index ?? null);
      const [{ record, content: own, sealedKey }, found] = await Promise.all([
        readRecord({ objects, findKey: keyring?.reader(), thread }, position.shard, bytes),
        logs.ofStep(where, step, namesIn(bytes)),
      ]);
      const { content, events } = mergeLogs(own, record.events, found, step.llm !== null);
      const isPending = Object.keys(content).length === 0 && found.isPending;
      const detail = detailOf(step, position.log_index, { ...record, events }, content);
      const shown: StepDetail = isPending ? { ...detail, content: "pending" } : detail;
      return await withGoneContent(gone, shown, [sealedKey, ...found.logs.map((log) => log.sealedKey)]);
    },
  };
}

function namesIn(entry: Uint8Array): ReadonlySet<PayloadName> {
  return new Set(Object.keys(parseLogEntry(entry).payloads) as PayloadName[]);
}

/** Lists as they are; what came as a single value is a list of it. Whoever writes the answer knows JsonBytes. */
function listOf(value: unknown): unknown[] | null {
  if (value === undefined || value === null) return null;
  if (value instanceof JsonBytes && value.isList) return value as unknown as unknown[];
  return Array.isArray(value) ? value : [value];
}

function rawText(value: unknown): string | null {
  return value instanceof JsonBytes ? (value as unknown as string) : null;
}

function detailOf(listed: Step, logIndex: number, entry: RunledgerRecord, content: ShownContent): StepDetail {
  const step = wholeStep(listed, entry);
  return {
    ...step,
    content: Object.keys(content).length === 0 ? "none" : "available",
    erased: null,
    log_index: logIndex,
    llm: step.llm && {
      ...step.llm,
      system_prompt: content.system_prompt ?? null,
      messages: listOf(content.messages),
      tool_definitions: listOf(content.tool_definitions),
      response: listOf(content.response),
      parameters: content.parameters ?? null,
      raw_response: rawText(content.raw_response),
      raw_request: rawText(content.raw_request),
    },
    tool: step.tool && { ...step.tool, arguments: content.arguments ?? null, result: content.result ?? null },
    input: content.input ?? null,
    output: content.output ?? null,
    attributes: entry.attributes,
    events: entry.events,
    links: entry.links,
    resource: entry.resource,
    scope: entry.scope,
  };
}

function withoutContent(step: Step, logIndex: number | null): StepDetail {
  const nothing = { system_prompt: null, messages: null, tool_definitions: null, response: null, parameters: null };
  return {
    ...step,
    content: "pending",
    erased: null,
    log_index: logIndex,
    llm: step.llm && { ...step.llm, ...nothing, raw_response: null, raw_request: null },
    tool: step.tool && { ...step.tool, arguments: null, result: null },
    input: null,
    output: null,
    attributes: {},
    events: [],
    links: [],
    resource: {},
    scope: { name: "", version: "" },
  };
}
