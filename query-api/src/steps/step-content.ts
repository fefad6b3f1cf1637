import { type PayloadName, type RunledgerRecord, record, type Step, type StepDetail } from "@runledger/contract";
import type { Objects, Rows } from "@runledger/storage";
import { z } from "zod";
import { findLogPosition, readLogEntry } from "../audit/log-position.ts";
import { createPayloadReader, type PayloadReader } from "./payload-reader.ts";

export interface StepContents {
  /** The step with everything its record holds; `content: pending` while the record is not in the published log. */
  withContent(step: Step): Promise<StepDetail>;
}

type Content = Partial<Record<PayloadName, unknown>>;

const overflow = z.object({
  attributes: z.record(z.string(), z.unknown()),
  events: z.array(z.unknown()),
});
const items = z.array(z.unknown()).nullable().catch(null);

export function createStepContents(rows: Rows, objects: Objects, settings: { tenant: string }): StepContents {
  return {
    async withContent(step) {
      const position = await findLogPosition(rows, settings.tenant, step.record_id);
      const entry = position && (await readLogEntry(objects, position));
      if (!position || !entry) return withoutContent(step, position?.log_index ?? null);
      const entryRecord = record.parse(JSON.parse(Buffer.from(entry).toString("utf8")));
      const content = await readContent(createPayloadReader(objects, position.shard), entryRecord);
      return detailOf(step, position.log_index, entryRecord, content);
    },
  };
}

async function readContent(reader: PayloadReader, { payloads }: RunledgerRecord): Promise<Content> {
  const names = Object.keys(payloads) as PayloadName[];
  const read = names.map(async (name): Promise<[PayloadName, unknown]> => {
    const ref = payloads[name];
    if (ref === undefined) return [name, null];
    return [name, name === "raw_response" ? await reader.text(ref) : await reader.json(ref)];
  });
  return Object.fromEntries(await Promise.all(read));
}

function detailOf(step: Step, logIndex: number, entry: RunledgerRecord, content: Content): StepDetail {
  const spilled = content.overflow === undefined ? entry : overflow.parse(content.overflow);
  return {
    ...step,
    content: Object.keys(content).length === 0 ? "none" : "available",
    log_index: logIndex,
    llm: step.llm && {
      ...step.llm,
      system_prompt: content.system_prompt ?? null,
      messages: items.parse(content.messages ?? null),
      tool_definitions: items.parse(content.tool_definitions ?? null),
      response: items.parse(content.response ?? null),
      parameters: content.parameters ?? null,
      raw_response: typeof content.raw_response === "string" ? content.raw_response : null,
    },
    tool: step.tool && { ...step.tool, arguments: content.arguments ?? null, result: content.result ?? null },
    attributes: spilled.attributes,
    events: spilled.events,
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
