import { z } from "zod";
import { eventData, jsonOrUndefined } from "./server-sent-events.ts";

const index = z.number().int().min(0).max(10_000);
const object = z.record(z.string(), z.unknown());
const wireEvent = z.looseObject({
  type: z.string(),
  response: object.optional(),
  output_index: index.optional(),
  content_index: index.optional(),
  item: object.optional(),
  delta: z.string().optional(),
});
/** Events that carry the whole answer, and are the last. */
const ENDS = new Set(["response.completed", "response.incomplete", "response.failed"]);

interface Item {
  fields: Record<string, unknown>;
  text: string[];
  arguments: string;
}

/**
 * The response that a stream of events amounts to. Its last event carries it whole; of a stream that broke off it is what its items
 * had come to. Source: https://platform.openai.com/docs/api-reference/responses-streaming
 */
export function assembleResponseStream(transcript: string): { response: Record<string, unknown>; complete: boolean } {
  let response: Record<string, unknown> = {};
  const items: Item[] = [];
  for (const data of eventData(transcript)) {
    const { data: event } = wireEvent.safeParse(jsonOrUndefined(data));
    if (event === undefined) continue;
    if (event.response !== undefined) response = event.response;
    if (ENDS.has(event.type)) return { response, complete: true };
    if (event.type === "error") return { response: { ...response, error: event }, complete: true };
    if (event.output_index !== undefined) grow(items, event.output_index, event);
  }
  const output = items.filter((item) => item !== undefined).map(asFarAsItGot);
  return { response: { ...response, output }, complete: false };
}

function grow(items: Item[], at: number, { type, item, content_index = 0, delta }: z.infer<typeof wireEvent>): void {
  if (item !== undefined) items[at] = { fields: item, text: [], arguments: "" };
  const growing = items[at];
  if (growing === undefined || delta === undefined) return;
  if (type === "response.output_text.delta")
    growing.text[content_index] = `${growing.text[content_index] ?? ""}${delta}`;
  if (type === "response.function_call_arguments.delta") growing.arguments += delta;
}

function asFarAsItGot({ fields, text, arguments: args }: Item): Record<string, unknown> {
  return {
    ...fields,
    ...(text.length === 0 ? {} : { content: Array.from(text, (part) => ({ type: "output_text", text: part ?? "" })) }),
    ...(args === "" ? {} : { arguments: args }),
  };
}
