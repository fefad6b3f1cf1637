import type { SpanOrigin } from "@runledger/contract";
import { sha256Hex } from "./content-hash.ts";
import { isMessageEvent } from "./genai-message-events.ts";
import type { LogView } from "./log-view.ts";

/** Gives the log records of one request their record ids, in their order. */
export type LogIds = (log: LogView, origin: SpanOrigin) => string;

/**
 * As `recordId` of a span: what the client made, no mapping of ours and no time of receipt. A conversation may say the same twice, and instrumentations
 * give all its messages one time: of message events that are alike in one request, each next one has an id of its own. Sent again, they have the same.
 */
export function createLogIds(): LogIds {
  const repeats = new Map<string, number>();
  return (log, origin) => {
    const id = idOf(log, origin, 0);
    if (!isMessageEvent(log.eventName)) return id;
    const repeat = repeats.get(id) ?? 0;
    repeats.set(id, repeat + 1);
    return repeat === 0 ? id : idOf(log, origin, repeat);
  };
}

function idOf(log: LogView, origin: SpanOrigin, repeat: number): string {
  const attributes: unknown[] = [];
  for (const [key, value] of log.attributes) attributes.push(key, value);
  const { name, version, attributes: scopeAttributes = null } = origin.scope;
  const content = [log.traceId, log.spanId, log.eventName, log.time, log.body, attributes];
  const from = [origin.resourceSha256, [name, version, scopeAttributes]];
  return sha256Hex(JSON.stringify(["log", ...content, ...from, ...(repeat === 0 ? [] : [repeat])]));
}
