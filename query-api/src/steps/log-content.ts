import { createHash } from "node:crypto";
import { GEN_AI, type PayloadName } from "@runledger/contract";
import { type JsonBytes, joinedLists } from "./json-bytes.ts";
import { type Content, LARGE_BYTES } from "./record-content.ts";
import type { LogOfStep, LogsOfStep } from "./step-logs.ts";

/** The content of a model call that events hold. */
export const NAMES_IN_EVENTS = ["system_prompt", "messages", "tool_definitions", "response", "parameters"] as const;
type Name = (typeof NAMES_IN_EVENTS)[number];
/** JsonBytes, or lists put together out of several. */
export type ShownContent = Partial<Record<PayloadName, unknown>>;

/**
 * What a step's own record and the log records of its span say together. Where the step itself has no content, theirs stands in: the last event
 * with all the details of the call, else the events of its messages one after the other. All other log records appear among the step's events.
 */
export function mergeLogs(
  own: Content,
  ownEvents: readonly unknown[],
  { logs, leftOut }: Pick<LogsOfStep, "logs" | "leftOut">,
  isModelCall: boolean,
): { content: ShownContent; events: unknown[] } {
  const content: ShownContent = { ...own };
  if (isModelCall) {
    for (const name of NAMES_IN_EVENTS) {
      const value = own[name] === undefined ? fromLogs(name, logs) : undefined;
      if (value !== undefined) content[name] = value;
    }
  }
  const others = logs.filter(({ kind }) => !(isModelCall && kind === "llm")).map(eventOf);
  const missing = leftOut === 0 ? [] : [{ name: "runledger.logs_left_out", attributes: { count: leftOut } }];
  return { content, events: [...[...ownEvents, ...others].sort(byTime), ...missing] };
}

function fromLogs(name: Name, logs: readonly LogOfStep[]): unknown {
  const having = logs.filter(({ content }) => content[name] !== undefined);
  const details = having.filter((log) => log.name === GEN_AI.detailsEvent);
  if (details.length > 0) return name === "response" ? distinctMessages(details) : details.at(-1)?.content[name];
  return having.length === 0 ? undefined : joinedLists(valuesOf(name, having));
}

function valuesOf(name: Name, logs: readonly LogOfStep[]): JsonBytes[] {
  return logs.flatMap(({ content }) => content[name] ?? []);
}

/** Of a streamed answer some tell each item in an event of its own, others the whole more than once. What is large is not taken apart for it. */
function distinctMessages(details: readonly LogOfStep[]): unknown {
  const responses = valuesOf("response", details);
  if (responses.reduce((sum, { bytes }) => sum + bytes.length, 0) > LARGE_BYTES) {
    const byHash = responses.map((one) => [createHash("sha256").update(one.bytes).digest("hex"), one] as const);
    return joinedLists([...new Map(byHash).values()]);
  }
  const messages = responses.flatMap((one) => one.parsed());
  return [...new Map(messages.map((message) => [JSON.stringify(message), message])).values()];
}

/** As the events of a span are, with the content that has no place in the step. */
function eventOf({ name, time, attributes, content }: LogOfStep): Record<string, unknown> {
  return { name, time, attributes, ...content };
}

function byTime(a: unknown, b: unknown): number {
  const [first, second] = [timeOf(a), timeOf(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

function timeOf(event: unknown): string {
  return typeof event === "object" && event !== null && "time" in event ? String(event.time) : "";
}
