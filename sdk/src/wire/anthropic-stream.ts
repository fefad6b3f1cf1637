import { z } from "zod";
import { eventData, jsonOrUndefined } from "./server-sent-events.ts";

const index = z.number().int().min(0).max(10_000);
const object = z.record(z.string(), z.unknown());
const wireEvent = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("message_start"), message: object }),
  z.looseObject({ type: z.literal("content_block_start"), index, content_block: object }),
  z.looseObject({ type: z.literal("content_block_delta"), index, delta: object }),
  z.looseObject({ type: z.literal("message_delta"), delta: object, usage: object.nullish() }),
  z.looseObject({ type: z.literal("message_stop") }),
  z.looseObject({ type: z.literal("error"), error: z.unknown() }),
]);

/** A block while it grows: its text and its JSON come in pieces. */
interface Block {
  fields: Record<string, unknown>;
  json: string;
}

/**
 * The message that a stream of events amounts to, in the form of an answer that was not streamed. A stream that broke off gives what
 * came until then. Usage is cumulative: the last word counts. Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
export function assembleMessageStream(transcript: string): { message: Record<string, unknown>; complete: boolean } {
  let message: Record<string, unknown> = {};
  let usage: Record<string, unknown> = {};
  let complete = false;
  const blocks: Block[] = [];
  for (const data of eventData(transcript)) {
    const { data: event } = wireEvent.safeParse(jsonOrUndefined(data));
    switch (event?.type) {
      case "message_start":
        message = event.message;
        usage = { ...object.safeParse(message["usage"]).data };
        break;
      case "content_block_start":
        blocks[event.index] = { fields: { ...event.content_block }, json: "" };
        break;
      case "content_block_delta":
        grow(blocks[event.index], event.delta);
        break;
      case "message_delta":
        message = { ...message, ...event.delta };
        for (const [name, value] of Object.entries(event.usage ?? {})) usage[name] = value ?? usage[name];
        break;
      case "message_stop":
        complete = true;
        break;
      case "error":
        message["error"] = event.error;
    }
  }
  const content = blocks.filter((block) => block !== undefined).map(finished);
  return { message: { ...message, content, usage }, complete };
}

function grow(block: Block | undefined, delta: Record<string, unknown>): void {
  if (block === undefined) return;
  const { fields } = block;
  const add = (name: string) => {
    if (typeof delta[name] === "string") fields[name] = `${fields[name] ?? ""}${delta[name]}`;
  };
  if (delta["type"] === "input_json_delta") block.json += String(delta["partial_json"] ?? "");
  else if (delta["type"] === "citations_delta") {
    const before = Array.isArray(fields["citations"]) ? fields["citations"] : [];
    fields["citations"] = [...before, delta["citation"]];
  } else for (const name of ["text", "thinking", "signature"]) add(name);
}

/** Arguments that were cut off are kept as far as they came. */
function finished({ fields, json }: Block): Record<string, unknown> {
  return json === "" ? fields : { ...fields, input: jsonOrUndefined(json) ?? json };
}
