import { OtlpError } from "../otlp/otlp.ts";
import { tooLarge } from "./http-body.ts";

/** Before a message: whether it is packed, and 4 bytes of length (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
const PREFIX_BYTES = 5;
/** Memory is taken in blocks as large as all before, from the first of these to the last: who sends nothing holds little, whatever length it announces. */
const [FIRST_BLOCK_BYTES, LARGEST_BLOCK_BYTES] = [8 * 1024, 1024 * 1024];

/** Puts together the one message of a call. */
export interface MessageReader {
  /** The message with its prefix when these bytes make it whole, else null. @throws OtlpError `too_large`, `malformed`, and what `hold` throws. */
  write(data: Buffer): Buffer | null;
}

/**
 * `hold` is told how many bytes are held before they are. They are copied: a piece of what was read from a socket takes 250 bytes beside its own, and keeps
 * the 64 KiB that were read with it, so senders of small pieces could hold many times what they have sent.
 */
export function createMessageReader(maxBytes: number, hold: (bytes: number) => void): MessageReader {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  const blocks: Buffer[] = [];
  let room: Buffer = prefix;
  let sizeBytes = PREFIX_BYTES;
  let heldBytes = 0;
  let receivedBytes = 0;

  const addBlock = (): void => {
    const bytes = Math.min(Math.max(heldBytes, FIRST_BLOCK_BYTES), LARGEST_BLOCK_BYTES, sizeBytes - heldBytes);
    hold(heldBytes + bytes);
    heldBytes += bytes;
    room = Buffer.allocUnsafe(bytes);
    blocks.push(room);
  };
  const begin = (): void => {
    const lengthBytes = prefix.readUInt32BE(1);
    if (lengthBytes > maxBytes) throw tooLarge(maxBytes);
    sizeBytes += lengthBytes;
    addBlock();
    room = room.subarray(prefix.copy(room));
  };

  return {
    write(data) {
      for (let rest = data; rest.length > 0; ) {
        if (receivedBytes === sizeBytes)
          throw new OtlpError("malformed", "a call takes one message; this one has more");
        if (room.length === 0) addBlock();
        const copied = rest.copy(room);
        room = room.subarray(copied);
        rest = rest.subarray(copied);
        receivedBytes += copied;
        if (receivedBytes === PREFIX_BYTES) begin();
      }
      if (receivedBytes < sizeBytes || blocks.length === 0) return null;
      const parts = blocks.splice(0);
      return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, sizeBytes);
    },
  };
}
