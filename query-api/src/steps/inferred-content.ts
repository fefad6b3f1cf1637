import { createHash } from "node:crypto";
import { canonicalJson, type Step, type StepDetail } from "@runledger/contract";
import { findLogPosition, readLogEntry } from "../audit/log-position.ts";
import { withGoneContent } from "./gone-content.ts";
import { readRecord, type WholeRecord } from "./record-content.ts";
import type { ContentStores } from "./step-content.ts";

export interface InferredContents {
  /**
   * A step that has no record of its own, with its arguments out of the record that shows it and its result out of the record that the
   * model was given it in (`resultIn`, "" for none). Attributes and the like are those of the record that shows it.
   */
  withContent(tenant: string, step: Step, resultIn: string): Promise<StepDetail>;
}

export function createInferredContents({ rows, objects, keyring, gone }: ContentStores): InferredContents {
  const read = async (tenant: string, recordId: string): Promise<{ whole: WholeRecord; logIndex: number } | null> => {
    const position = await findLogPosition(rows, tenant, recordId);
    const bytes = position && (await readLogEntry(objects, position));
    return (
      position &&
      bytes && {
        whole: await readRecord({ objects, findKey: keyring?.reader(), thread: null }, position.shard, bytes),
        logIndex: position.log_index,
      }
    );
  };
  return {
    async withContent(tenant, step, resultIn) {
      const [asked, given] = await Promise.all([
        step.shown_by === null ? null : read(tenant, step.shown_by),
        resultIn === "" ? null : read(tenant, resultIn),
      ]);
      const isPending = asked === null || (resultIn !== "" && given === null);
      const { tool } = step;
      const request = tool && requestOf(asked?.whole.content.response?.parsed(), tool);
      const response = tool && resultOf(given?.whole.content.messages?.parsed(), tool);
      const shown: StepDetail = {
        ...step,
        content: isPending ? "pending" : "available",
        erased: null,
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
        links: [],
        resource: asked?.whole.record.resource ?? {},
        scope: asked?.whole.record.scope ?? { name: "", version: "" },
      };
      const sealedKeys = [asked, given].map((one) => one?.whole.sealedKey ?? null);
      return await withGoneContent(gone, shown, sealedKeys);
    },
  };
}

type Tool = NonNullable<Step["tool"]>;
type Part = Record<string, unknown>;

/** By its id; without one, by the hash of its arguments: a model may ask for a tool several times at once. */
function requestOf(response: unknown, tool: Tool): Part | undefined {
  const asked = partsOf(response, "tool_call").filter((part) =>
    tool.call_id === null ? part["name"] === tool.name : part["id"] === tool.call_id,
  );
  return asked.find((part) => hashOf(part["arguments"]) === tool.arguments_sha256) ?? asked.at(-1);
}

/** The last one of that id, or without any of that name and content: earlier ones belong to earlier calls. */
function resultOf(messages: unknown, tool: Tool): Part | undefined {
  const given = partsOf(messages, "tool_call_response");
  if (tool.call_id !== null) return given.findLast((part) => part["id"] === tool.call_id);
  const named = given.filter(({ id, name }) => name === tool.name && (id ?? "") === "");
  return named.findLast((part) => isResult(part, tool.result_sha256)) ?? named.at(-1);
}

/** As the collector hashes results: their JSON text, which text may be already. */
function isResult({ response, result }: Part, sha256: string | null): boolean {
  const value = response ?? result ?? null;
  const texts = [JSON.stringify(asNumbers(value)), ...(typeof value === "string" ? [value] : [])];
  return texts.some((text) => createHash("sha256").update(text).digest("hex") === sha256);
}

/** As JavaScript has them, of what says numbers as they were written. */
function asNumbers(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** As the collector hashes arguments: their RFC 8785 text, which has numbers as JavaScript does, or the text itself. */
function hashOf(args: unknown): string | null {
  if (args === undefined || args === null) return null;
  try {
    return createHash("sha256")
      .update(canonicalJson(asNumbers(args)))
      .digest("hex");
  } catch {
    return null; // half a surrogate pair: then the last request of that name is shown
  }
}

function partsOf(messages: unknown, type: string): Part[] {
  return listOf(messages)
    .flatMap((message) => (isObject(message) ? listOf(message["parts"]) : []))
    .filter(isObject)
    .filter((part) => part["type"] === type);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
