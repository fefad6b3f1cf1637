import {
  LogError,
  MESSAGES_MEDIA_TYPE,
  type PayloadRef,
  parseMessageNode,
  type ReadPayload,
  type RunledgerRecord,
  readMessages,
  readText,
  type TextCache,
} from "@runledger/contract";
import { inputPreview, outputPreview } from "../normalize/preview.ts";

export interface Previews {
  inputPreview: string;
  outputPreview: string;
  /** Payloads that are gone, or whose keys are. */
  missing: number;
}

/** The previews of a record, from its payloads by the functions that made them from the span: of the messages, only the last is read. */
export async function previewsOf(
  read: ReadPayload,
  { payloads }: RunledgerRecord,
  cache?: TextCache,
): Promise<Previews> {
  let missing = 0;
  const unlessMissing = async <Value>(ref: PayloadRef | undefined, get: (ref: PayloadRef) => Promise<Value>) => {
    try {
      return ref && (await get(ref));
    } catch (error) {
      if (!(error instanceof LogError) || (error.code !== "missing" && error.code !== "sealed")) throw error;
      missing += 1;
      return undefined;
    }
  };
  const text = async (ref: PayloadRef) => Buffer.from(await readText(read, ref, cache)).toString();

  const lastMessage = await unlessMissing(payloads.messages, (ref) => readLastMessage(read, ref, cache));
  const args = lastMessage === undefined ? await unlessMissing(payloads.arguments ?? payloads.input, text) : undefined;
  const response = await unlessMissing(payloads.response, text);
  const result = response === undefined ? await unlessMissing(payloads.result ?? payloads.output, text) : undefined;
  return {
    inputPreview: inputPreview({
      ...(lastMessage === undefined ? {} : { messages: [lastMessage] }),
      ...(args === undefined ? {} : { arguments: args }),
    }),
    outputPreview: outputPreview({
      ...(response === undefined ? {} : { response }),
      ...(result === undefined ? {} : { result }),
    }),
    missing,
  };
}

/** Follows the bases only as long as there is no message: a list that adds nothing stands for the one before. */
async function readLastMessage(read: ReadPayload, ref: PayloadRef, cache?: TextCache): Promise<string | undefined> {
  for (let at: PayloadRef | null = ref; at !== null; ) {
    if (at.media_type !== MESSAGES_MEDIA_TYPE) return (await readMessages(read, at, cache)).at(-1);
    const node = parseMessageNode(await read(at), at);
    if (node.texts.length > 0) return node.texts.at(-1);
    at = node.base;
  }
  return undefined;
}
