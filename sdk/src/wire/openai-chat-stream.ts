import { z } from "zod";
import { eventData, jsonOrUndefined } from "./server-sent-events.ts";

/** Nobody means more; a larger one would make a list of that length. */
const index = z.number().int().min(0).max(10_000);

const wireDelta = z.looseObject({
  role: z.string().nullish(),
  content: z.string().nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  tool_calls: z
    .array(
      z.looseObject({
        index,
        id: z.string().nullish(),
        function: z.looseObject({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
      }),
    )
    .nullish(),
});
const wireChunk = z.looseObject({
  id: z.string().nullish(),
  model: z.string().nullish(),
  choices: z.array(z.looseObject({ index, delta: wireDelta.nullish(), finish_reason: z.string().nullish() })).nullish(),
  usage: z.unknown().optional(),
  error: z.unknown().optional(),
});

interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}
interface Choice {
  finish_reason: string | null;
  message: { role: string; content: string; refusal: string; reasoning_content: string; tool_calls: ToolCall[] };
}

/**
 * The completion that a stream of chunks amounts to, in the form of an answer that was not streamed. A stream that
 * broke off gives what came until then.
 */
export function assembleChatStream(transcript: string): { completion: Record<string, unknown>; complete: boolean } {
  const completion: Record<string, unknown> = {};
  let complete = false;
  const choices: Choice[] = [];
  for (const data of eventData(transcript)) {
    if (data === "[DONE]") {
      complete = true;
      break;
    }
    const chunk = wireChunk.safeParse(jsonOrUndefined(data));
    if (!chunk.success) continue; // a cut last event; the transcript itself is recorded whole
    for (const key of ["id", "model", "usage", "error"] as const) completion[key] = chunk.data[key] ?? completion[key];
    for (const { index, delta, finish_reason } of chunk.data.choices ?? []) {
      choices[index] ??= emptyChoice();
      if (finish_reason) choices[index].finish_reason = finish_reason;
      if (delta) addDelta(choices[index].message, delta);
    }
  }
  completion["choices"] = choices.filter((choice) => choice !== undefined);
  return { completion, complete };
}

function emptyChoice(): Choice {
  return {
    finish_reason: null,
    message: { role: "assistant", content: "", refusal: "", reasoning_content: "", tool_calls: [] },
  };
}

function addDelta(message: Choice["message"], delta: z.infer<typeof wireDelta>): void {
  message.role = delta.role ?? message.role;
  message.content += delta.content ?? "";
  message.refusal += delta.refusal ?? "";
  message.reasoning_content += delta.reasoning_content ?? "";
  for (const part of delta.tool_calls ?? []) {
    let call = message.tool_calls[part.index];
    if (call === undefined) {
      call = { id: "", type: "function", function: { name: "", arguments: "" } };
      message.tool_calls[part.index] = call;
    }
    call.id ||= part.id ?? "";
    call.function.name += part.function?.name ?? "";
    call.function.arguments += part.function?.arguments ?? "";
  }
}
