import {
  createPackReader,
  type PayloadName,
  type PayloadRef,
  parseLogEntry,
  type ReadPack,
  type RunledgerRecord,
  readMessages,
  readText,
  readWholeRecord,
  type Step,
  type StepDetail,
} from "@runledger/contract";
import type { Objects, Rows } from "@runledger/storage";
import { findLogPosition, readLogEntry } from "../audit/log-position.ts";

export interface StepContents {
  /** The step with everything its record holds; `content: pending` while the record is not in the published log. */
  withContent(step: Step): Promise<StepDetail>;
}

type Content = Partial<Record<PayloadName, unknown>>;

/** Deeper than anybody means it; within it, whoever reads the answer has stack enough. */
const MAX_NESTING = 500;

export function createStepContents(rows: Rows, objects: Objects, settings: { tenant: string }): StepContents {
  return {
    async withContent(step) {
      const position = await findLogPosition(rows, settings.tenant, step.record_id);
      const bytes = position && (await readLogEntry(objects, position));
      if (!position || !bytes) return withoutContent(step, position?.log_index ?? null);
      const entry = parseLogEntry(bytes);
      const read = createPackReader((path, offset, length) => objects.readRange(path, offset, length), position.shard);
      const [whole, content] = await Promise.all([readWholeRecord(read, entry), readContent(read, entry)]);
      return detailOf(step, position.log_index, whole, content);
    },
  };
}

/** Every payload but `overflow`, checked against its hash. */
async function readContent(read: ReadPack, { payloads }: RunledgerRecord): Promise<Content> {
  const names = (Object.keys(payloads) as PayloadName[]).filter((name) => name !== "overflow");
  const contents = names.map(async (name): Promise<[PayloadName, unknown]> => {
    const ref = payloads[name];
    return [name, ref === undefined ? null : await readContentOf(read, name, ref)];
  });
  return Object.fromEntries(await Promise.all(contents));
}

async function readContentOf(read: ReadPack, name: PayloadName, ref: PayloadRef): Promise<unknown> {
  if (name === "messages") return (await readMessages(read, ref)).map(parseContent);
  const text = Buffer.from(await readText(read, ref)).toString("utf8");
  return name === "raw_response" ? text : parseContent(text);
}

/** What the JSON says; nested deeper than MAX_NESTING, the text itself: content is never hidden. */
function parseContent(text: string): unknown {
  return nestedDeeper(text, MAX_NESTING) ? text : JSON.parse(text);
}

function nestedDeeper(json: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') quoted = !quoted;
    else if (quoted) at += character === "\\" ? 1 : 0;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (depth > limit) return true;
  }
  return false;
}

/** Lists as they are; what came as a single value is a list of it. */
function listOf(value: unknown): unknown[] | null {
  if (value === undefined || value === null) return null;
  return Array.isArray(value) ? value : [value];
}

function detailOf(step: Step, logIndex: number, entry: RunledgerRecord, content: Content): StepDetail {
  return {
    ...step,
    content: Object.keys(content).length === 0 ? "none" : "available",
    log_index: logIndex,
    llm: step.llm && {
      ...step.llm,
      system_prompt: content.system_prompt ?? null,
      messages: listOf(content.messages),
      tool_definitions: listOf(content.tool_definitions),
      response: listOf(content.response),
      parameters: content.parameters ?? null,
      raw_response: typeof content.raw_response === "string" ? content.raw_response : null,
    },
    tool: step.tool && { ...step.tool, arguments: content.arguments ?? null, result: content.result ?? null },
    attributes: entry.attributes,
    events: entry.events,
    resource: entry.resource,
    scope: entry.scope,
  };
}

function withoutContent(step: Step, logIndex: number | null): StepDetail {
  const nothing = { system_prompt: null, messages: null, tool_definitions: null, response: null, parameters: null };
  return {
    ...step,
    content: "pending",
    log_index: logIndex,
    llm: step.llm && { ...step.llm, ...nothing, raw_response: null },
    tool: step.tool && { ...step.tool, arguments: null, result: null },
    attributes: {},
    events: [],
    resource: {},
    scope: { name: "", version: "" },
  };
}
