import { parentPort } from "node:worker_threads";
import { createPackReader, createPayloadReader, LogError, type PayloadName } from "@runledger/contract";
import { readContentJson } from "./content-json.ts";
import type { Answered, Asked, ContentBytes, ContentQuestion } from "./content-thread.ts";

/** Reads contents, checks them and writes their JSON. What lies in the store and what opens it comes from the thread that asked. */
const port = parentPort;
const waiting = new Map<number, (bytes: Uint8Array | null) => void>();
let questions = 0;

port?.on("message", (message: ContentQuestion | Answered) => {
  if ("answer" in message) {
    waiting.get(message.question)?.(message.answer);
    waiting.delete(message.question);
    return;
  }
  const { id } = message;
  contentOf(message).then(
    (content) => {
      const buffers = Object.values(content).flatMap((bytes) => (bytes === null ? [] : [bytes.buffer]));
      port.postMessage({ id, content }, [...new Set(buffers)]);
    },
    (error: unknown) => {
      const code = error instanceof LogError ? error.code : "malformed";
      port.postMessage({ id, failed: { code, message: error instanceof Error ? error.message : String(error) } });
    },
  );
});

function ask(asked: Asked["ask"], id: number): Promise<Uint8Array | null> {
  const question = questions++;
  return new Promise((resolve) => {
    waiting.set(question, resolve);
    port?.postMessage({ id, question, ask: asked } satisfies Asked);
  });
}

async function contentOf({ id, shard, payloads, pick }: ContentQuestion): Promise<ContentBytes> {
  const readRange = (path: string, offset: number, length: number) => ask({ path, offset, length }, id);
  const read = createPayloadReader(createPackReader(readRange, shard), (ref, salt) => ask({ ref, salt }, id));
  const content: ContentBytes = {};
  for (const [name, ref] of Object.entries(payloads)) {
    try {
      content[name] = ownBytes(await readContentJson(read, name as PayloadName, ref, pick));
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "sealed") throw error;
      content[name] = null;
    }
  }
  return content;
}

/** Memory of its own, so that it can be handed over. */
function ownBytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
