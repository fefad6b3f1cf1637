import { z } from "zod";
import { jsonOrUndefined } from "./server-sent-events.ts";

const index = z.number().int().min(0).max(10_000);
const object = z.record(z.string(), z.unknown());
const wireLine = z.object({ type: z.string(), kind: z.string(), payload: z.string() });
const wireStart = z.looseObject({
  contentBlockIndex: index,
  start: z.looseObject({ toolUse: z.looseObject({ toolUseId: z.string(), name: z.string() }).optional() }).optional(),
});
const wireDelta = z.looseObject({
  contentBlockIndex: index,
  delta: z.looseObject({
    text: z.string().optional(),
    toolUse: z.looseObject({ input: z.string() }).optional(),
    reasoningContent: z.looseObject({ text: z.string().optional(), signature: z.string().optional() }).optional(),
  }),
});

/** A block while it grows. */
interface Block {
  text?: string;
  toolUse?: { toolUseId: string; name: string; input: string };
  reasoning?: { text: string; signature?: string };
}

/**
 * The answer that a stream of events amounts to, in the form of one that was not streamed. One that broke off gives what came until then.
 * @param transcript as `awsTranscript` makes it. Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */
export function assembleConverseStream(transcript: string): { answer: Record<string, unknown>; complete: boolean } {
  const answer: Record<string, unknown> = {};
  const blocks: Block[] = [];
  let role: unknown = "assistant";
  let complete = false;
  for (const line of transcript.split("\n")) {
    const { data: event } = wireLine.safeParse(jsonOrUndefined(line));
    if (event === undefined) continue;
    const payload = object.safeParse(jsonOrUndefined(event.payload)).data ?? {};
    if (event.kind !== "event") {
      Object.assign(answer, { __type: event.type, message: payload["message"] ?? (event.payload || event.type) });
      continue;
    }
    if (event.type === "messageStart") role = payload["role"] ?? role;
    else if (event.type === "contentBlockStart") startBlock(blocks, payload);
    else if (event.type === "contentBlockDelta") grow(blocks, payload);
    else if (event.type === "messageStop") {
      answer["stopReason"] = payload["stopReason"];
      complete = true;
    } else if (event.type === "metadata") answer["usage"] = payload["usage"];
  }
  const content = blocks.filter((block) => block !== undefined).map(finished);
  if (content.length > 0) answer["output"] = { message: { role, content } };
  return { answer, complete };
}

function startBlock(blocks: Block[], payload: Record<string, unknown>): void {
  const { data } = wireStart.safeParse(payload);
  const asked = data?.start?.toolUse;
  if (data === undefined || asked === undefined) return;
  blocks[data.contentBlockIndex] = { toolUse: { toolUseId: asked.toolUseId, name: asked.name, input: "" } };
}

/** A block of text has no start of its own. */
function grow(blocks: Block[], payload: Record<string, unknown>): void {
  const { data } = wireDelta.safeParse(payload);
  if (data === undefined) return;
  blocks[data.contentBlockIndex] ??= {};
  const block = blocks[data.contentBlockIndex];
  if (block === undefined) return;
  const { text, toolUse, reasoningContent } = data.delta;
  if (text !== undefined) block.text = (block.text ?? "") + text;
  if (toolUse !== undefined && block.toolUse !== undefined) block.toolUse.input += toolUse.input;
  if (reasoningContent !== undefined) {
    const { text: before = "", ...signed } = block.reasoning ?? {};
    const { signature } = reasoningContent;
    block.reasoning = { ...signed, text: before + (reasoningContent.text ?? ""), ...(signature ? { signature } : {}) };
  }
}

/** Arguments that were cut off are kept as far as they came. */
function finished({ text, toolUse, reasoning }: Block): Record<string, unknown> {
  if (toolUse !== undefined) {
    const { input } = toolUse;
    return { toolUse: { ...toolUse, input: input === "" ? {} : (jsonOrUndefined(input) ?? input) } };
  }
  if (reasoning !== undefined) return { reasoningContent: { reasoningText: reasoning } };
  return { text: text ?? "" };
}
