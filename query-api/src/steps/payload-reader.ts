import { createHash } from "node:crypto";
import { MESSAGES_MEDIA_TYPE, messageList, type PayloadRef, packPath } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { QueryApiError } from "../error.ts";

/** A history is stored as what each step added; no real one has more steps than this. */
const MAX_MESSAGE_BASES = 10_000;

/** Content as it was recorded, read out of the packs of a shard and checked against the hash that its log entry holds. */
export interface PayloadReader {
  /** @throws QueryApiError `internal` when the bytes are not there or not what was recorded. */
  text(ref: PayloadRef): Promise<string>;
  /** A JSON payload; a message list with all its bases. */
  json(ref: PayloadRef): Promise<unknown>;
}

export function createPayloadReader(objects: Objects, shard: string): PayloadReader {
  return { text, json };

  async function text(ref: PayloadRef): Promise<string> {
    const path = packPath(shard, ref.pack);
    const bytes = await objects.readRange(path, ref.offset, ref.size_bytes);
    if (bytes === null) throw damaged(`${path} is missing`);
    if (createHash("sha256").update(bytes).digest("hex") !== ref.sha256) {
      throw damaged(`${path} does not hold payload ${ref.sha256} at ${ref.offset}`);
    }
    return Buffer.from(bytes).toString("utf8");
  }

  async function json(ref: PayloadRef): Promise<unknown> {
    const value: unknown = JSON.parse(await text(ref));
    return ref.media_type === MESSAGES_MEDIA_TYPE ? await messagesOf(value) : value;
  }

  async function messagesOf(value: unknown): Promise<unknown[]> {
    let list = messageList.parse(value);
    const parts = [list.messages];
    while (list.base !== null) {
      if (parts.length > MAX_MESSAGE_BASES) throw damaged("a message list with too many bases");
      list = messageList.parse(JSON.parse(await text(list.base)));
      parts.push(list.messages);
    }
    return parts.reverse().flat();
  }
}

function damaged(what: string): QueryApiError {
  return new QueryApiError("internal", `stored content is not what the log says: ${what}`, {
    hint: "runledger verify tells what else is affected",
  });
}
