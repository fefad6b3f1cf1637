import { OtlpError } from "../otlp/otlp.ts";
import { createByteBlocks } from "./byte-blocks.ts";
import { tooLarge } from "./http-body.ts";

/** Before a message: whether it is packed, and 4 bytes of length (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
const PREFIX_BYTES = 5;

/** Puts together the one message of a call. */
export interface MessageReader {
  /** The message with its prefix when these bytes make it whole, else null. @throws OtlpError `too_large`, `malformed`, and what `hold` throws. */
  write(data: Buffer): Buffer | null;
}

/** `hold` is told how many bytes are held before they are. */
export function createMessageReader(maxBytes: number, hold: (bytes: number) => void): MessageReader {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  const blocks = createByteBlocks(hold);
  let sizeBytes = PREFIX_BYTES;
  let receivedBytes = 0;

  const begin = (): void => {
    const lengthBytes = prefix.readUInt32BE(1);
    if (lengthBytes > maxBytes) throw tooLarge(maxBytes);
    sizeBytes += lengthBytes;
    blocks.add(prefix, sizeBytes);
  };

  return {
    write(data) {
      let rest = data;
      if (receivedBytes < PREFIX_BYTES && rest.length > 0) {
        const copied = rest.copy(prefix, receivedBytes);
        receivedBytes += copied;
        rest = rest.subarray(copied);
        if (receivedBytes === PREFIX_BYTES) begin();
      }
      if (receivedBytes + rest.length > sizeBytes)
        throw new OtlpError("malformed", "a call takes one message; this one has more");
      blocks.add(rest, sizeBytes - receivedBytes);
      receivedBytes += rest.length;
      const isWhole = receivedBytes === sizeBytes && receivedBytes >= PREFIX_BYTES && data.length > 0;
      return isWhole ? blocks.take() : null;
    },
  };
}
