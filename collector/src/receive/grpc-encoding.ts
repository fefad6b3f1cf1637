import type { IncomingHttpHeaders } from "node:http2";
import type { Metadata, Server } from "@grpc/grpc-js";
import type { BodyEncoding } from "@runledger/storage";

/** What a server says it takes (https://github.com/grpc/grpc/blob/master/doc/compression.md). */
export const ACCEPT_ENCODING = { name: "grpc-accept-encoding", value: "identity,deflate,gzip,zstd" } as const;

/** Header of gRPC, and where we put what it said. */
const ENCODING = "grpc-encoding";
const PACKED_AS = "runledger-grpc-encoding";

/** How packed bytes begin. No OTLP request begins so: its first byte is the tag of its field 1. */
const MAGIC = new Map<string, { encoding: BodyEncoding; bytes: Buffer }>([
  ["gzip", { encoding: "gzip", bytes: Buffer.from([0x1f, 0x8b]) }],
  ["zstd", { encoding: "zstd", bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) }],
]);

/**
 * Lets packed messages through as they came, so that the intake unpacks them within its byte budget: the library knows no zstd, and
 * unpacks gzip before anybody can ask whether there is memory. It has no setting for it, so the header is renamed before the library reads it.
 */
export function passPackedMessages(server: Server): void {
  const { http2Servers } = server as unknown as { http2Servers: Map<NodeJS.EventEmitter, unknown> };
  for (const http2Server of http2Servers.keys()) {
    http2Server.prependListener("stream", (_stream: unknown, headers: IncomingHttpHeaders) => {
      delete headers[PACKED_AS];
      const named = headers[ENCODING];
      if (typeof named !== "string" || !MAGIC.has(named)) return;
      headers[PACKED_AS] = named;
      delete headers[ENCODING];
    });
  }
}

/** A sender that names an encoding may still send single messages without it; the flag that tells is not passed on, the first bytes are. */
export function encodingOf(metadata: Metadata, body: Uint8Array): BodyEncoding {
  const named = MAGIC.get(metadata.get(PACKED_AS)[0]?.toString() ?? "");
  return named?.bytes.equals(body.subarray(0, named.bytes.length)) ? named.encoding : "identity";
}
