import { GEN_AI, type PayloadName } from "@runledger/contract";
import type { Content, WholeRecord } from "./record-content.ts";
import type { LogsOfStep } from "./step-logs.ts";

/** The content of a model call that events hold. */
const NAMES = ["system_prompt", "messages", "tool_definitions", "response", "parameters"] as const;
type Name = (typeof NAMES)[number];
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
  if (logs.length === 0) return { content: own, events: [...ownEvents] };
  const content: ShownContent = { ...own };
  if (isModelCall) {
    for (const name of NAMES) {
      const value = own[name] === undefined ? fromLogs(name, logs) : undefined;
      if (value !== undefined) content[name] = value;
    }
  }
  const others = logs.filter((log) => !(isModelCall && log.record.kind === "llm")).map(eventOf);
  const missing = leftOut === 0 ? [] : [{ name: "runledger.logs_left_out", attributes: { count: leftOut } }];
  return { content, events: [...[...ownEvents, ...others].sort(byTime), ...missing] };
}

function fromLogs(name: Name, logs: readonly WholeRecord[]): unknown {
  const having = logs.filter(({ content }) => content[name] !== undefined);
  const details = having.filter(({ record }) => record.name === GEN_AI.detailsEvent);
  if (details.length > 0) return name === "response" ? distinctMessages(details) : details.at(-1)?.content[name];
  if (having.length === 0) return undefined;
  return having.flatMap(({ content }) => content[name]?.parsed());
}

/** Of a streamed answer some tell each item in an event of its own, others the whole more than once. */
function distinctMessages(details: readonly WholeRecord[]): unknown[] {
  const messages = details.flatMap(({ content }) => content.response?.parsed());
  return [...new Map(messages.map((message) => [JSON.stringify(message), message])).values()];
}

/** As the events of a span are, with the content that has no place in the step. */
function eventOf({ record, content }: WholeRecord): Record<string, unknown> {
  return { name: record.name, time: record.start_time, attributes: record.attributes, ...content };
}

function byTime(a: unknown, b: unknown): number {
  const [first, second] = [timeOf(a), timeOf(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

function timeOf(event: unknown): string {
  return typeof event === "object" && event !== null && "time" in event ? String(event.time) : "";
}
