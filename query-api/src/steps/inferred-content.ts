import type { Step, StepDetail } from "@runledger/contract";
import type { Objects, Rows } from "@runledger/storage";
import { findLogPosition, readLogEntry } from "../audit/log-position.ts";
import { readRecord, type WholeRecord } from "./record-content.ts";

export interface InferredContents {
  /**
   * A step that has no record of its own, with its arguments out of the record that shows it and its result out of the record that the
   * model was given it in (`resultIn`, "" for none). Attributes and the like are those of the record that shows it.
   */
  withContent(step: Step, resultIn: string): Promise<StepDetail>;
}

export function createInferredContents(rows: Rows, objects: Objects, settings: { tenant: string }): InferredContents {
  const read = async (recordId: string): Promise<{ whole: WholeRecord; logIndex: number } | null> => {
    const position = await findLogPosition(rows, settings.tenant, recordId);
    const bytes = position && (await readLogEntry(objects, position));
    return (
      position && bytes && { whole: await readRecord(objects, position.shard, bytes), logIndex: position.log_index }
    );
  };
  return {
    async withContent(step, resultIn) {
      const [asked, given] = await Promise.all([
        step.shown_by === null ? null : read(step.shown_by),
        resultIn === "" ? null : read(resultIn),
      ]);
      const isPending = asked === null || (resultIn !== "" && given === null);
      const { tool } = step;
      const request = tool && partOf(asked?.whole.content.response, "tool_call", tool.call_id, tool.name);
      const response = tool && partOf(given?.whole.content.messages, "tool_call_response", tool.call_id, null);
      return {
        ...step,
        content: isPending ? "pending" : "available",
        log_index: asked?.logIndex ?? null,
        llm: null,
        tool: tool && {
          ...tool,
          arguments: request?.["arguments"] ?? null,
          result: response?.["response"] ?? response?.["result"] ?? null,
        },
        input: null,
        output: null,
        attributes: {},
        events: [],
        resource: asked?.whole.record.resource ?? {},
        scope: asked?.whole.record.scope ?? { name: "", version: "" },
      };
    },
  };
}

/** The part of that type with the call id, or without ids by name; the last one, as results of this call are. */
function partOf(
  messages: unknown,
  type: string,
  callId: string | null,
  name: string | null,
): Record<string, unknown> | undefined {
  const parts = listOf(messages)
    .flatMap((message) => (isObject(message) ? listOf(message["parts"]) : []))
    .filter(isObject)
    .filter((part) => part["type"] === type);
  return parts.findLast((part) => (callId === null ? part["name"] === name : part["id"] === callId));
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
