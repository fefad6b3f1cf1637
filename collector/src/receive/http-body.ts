import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { BodyEncoding, BodyFormat } from "@runledger/storage";
import { OtlpError } from "../otlp/otlp.ts";
import { createByteBlocks } from "./byte-blocks.ts";
import type { Reservation } from "./byte-budget.ts";

const FORMATS = new Map<string, BodyFormat>([
  ["application/x-protobuf", "protobuf"],
  ["application/json", "json"],
]);
const ENCODINGS = new Map<string, BodyEncoding>([
  ["", "identity"],
  ["identity", "identity"],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["zstd", "zstd"],
]);

/** The format that a request's answer takes, too; null when we don't know it. */
export function formatOf(headers: IncomingHttpHeaders): BodyFormat | null {
  const mediaType = (headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  return FORMATS.get(mediaType ?? "") ?? null;
}

/** What the headers tell of the body. @throws OtlpError when it is nothing that we take. */
export function bodyKindOf(
  headers: IncomingHttpHeaders,
  maxBytes: number,
): { format: BodyFormat; encoding: BodyEncoding; lengthBytes: number } {
  const format = formatOf(headers);
  if (format === null) {
    throw new OtlpError(
      "unsupported_type",
      `content type ${JSON.stringify(headers["content-type"] ?? "")} is not taken; send application/x-protobuf or application/json`,
    );
  }
  const encoding = ENCODINGS.get((headers["content-encoding"] ?? "").trim().toLowerCase());
  if (encoding === undefined) {
    throw new OtlpError(
      "unsupported_type",
      `content encoding ${headers["content-encoding"]} is not taken; send gzip, zstd or none`,
    );
  }
  const lengthBytes = Number(headers["content-length"] ?? 0);
  if (lengthBytes > maxBytes) throw tooLarge(maxBytes);
  return { format, encoding, lengthBytes };
}

/**
 * Reads a body; what has come of it is reserved, whatever length was promised.
 * @param lengthBytes As the headers promise it; 0: they don't.
 * @throws OtlpError `too_large`, `overloaded`, or `malformed` when it ends early.
 */
export function readBody(
  stream: Readable,
  { lengthBytes, maxBytes }: { lengthBytes: number; maxBytes: number },
  reservation: Reservation,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let blocks = createByteBlocks((bytes) => reservation.resize(bytes));
    /** Most bodies come in one piece, which need not be copied. */
    let first: Buffer | null = null;
    let sizeBytes = 0;
    const fail = (error: unknown) => {
      // The end, too, may have no room any more: it is none of what failed.
      for (const event of ["data", "end"]) stream.removeAllListeners(event);
      [first, blocks] = [null, createByteBlocks(() => undefined)];
      // What still comes is thrown away, so that the answer reaches a sender who is still sending.
      stream.resume();
      reject(error);
    };
    const take = (piece: Buffer): void => {
      const beforeBytes = sizeBytes;
      sizeBytes += piece.length;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      if (beforeBytes === 0) {
        reservation.resize(sizeBytes);
        first = piece;
        return;
      }
      const expectedBytes = lengthBytes === 0 ? maxBytes : lengthBytes;
      if (first !== null) blocks.add(first, expectedBytes);
      first = null;
      blocks.add(piece, expectedBytes - beforeBytes);
    };
    // What is thrown out of a listener would end the process.
    const orFail = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        fail(error);
      }
    };
    stream.on("data", (piece: Buffer) => orFail(() => take(piece)));
    stream.on("end", () =>
      orFail(() => {
        const body = first ?? blocks.take();
        reservation.resize(sizeBytes);
        resolve(body);
      }),
    );
    stream.on("error", (cause) => fail(new OtlpError("malformed", "the body ended early", cause)));
    stream.on("close", () => fail(new OtlpError("malformed", "the body ended early")));
  });
}

export function tooLarge(maxBytes: number): OtlpError {
  return new OtlpError("too_large", `the body is larger than ${maxBytes} bytes; send smaller batches`);
}
