import type { IncomingHttpHeaders } from "node:http2";
import type { Metadata, Server } from "@grpc/grpc-js";
import type { Packing } from "../otlp/unpack.ts";

/** What a server says it takes (https://github.com/grpc/grpc/blob/master/doc/compression.md). */
export const ACCEPT_ENCODING = { name: "grpc-accept-encoding", value: "identity,deflate,gzip,zstd" } as const;

/** Header of gRPC, and where we put what it said. */
const ENCODING = "grpc-encoding";
const PACKED_AS = "runledger-grpc-encoding";

/** Whether bytes are packed, by how they begin. No OTLP request begins so: its first byte is the tag of its field 1, 0x0a. */
const PACKED = new Map<string, { encoding: Packing; begins(body: Uint8Array): boolean }>([
  ["gzip", { encoding: "gzip", begins: (body) => body[0] === 0x1f && body[1] === 0x8b }],
  ["zstd", { encoding: "zstd", begins: ([a, b, c, d]) => a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd }],
  // RFC 1950, CMF: the method in the lower half.
  ["deflate", { encoding: "deflate", begins: ([first = 0]) => (first & 0x0f) === 8 }],
]);

/**
 * Lets packed messages through as they came, so that the intake unpacks them within its byte budget: the library knows no zstd, and
 * unpacks the others before anybody can ask whether there is memory. It has no setting for it, so the header is renamed before the library reads it.
 */
export function passPackedMessages(server: Server): void {
  const { http2Servers } = server as unknown as { http2Servers: Map<NodeJS.EventEmitter, unknown> };
  for (const http2Server of http2Servers.keys()) {
    http2Server.prependListener("stream", (_stream: unknown, headers: IncomingHttpHeaders) => {
      delete headers[PACKED_AS];
      const named = headers[ENCODING];
      if (typeof named !== "string" || !PACKED.has(named)) return;
      headers[PACKED_AS] = named;
      delete headers[ENCODING];
    });
  }
}

/** A sender that names an encoding may still send single messages without it; the flag that tells is not passed on, the first bytes are. */
export function encodingOf(metadata: Metadata, body: Uint8Array): Packing {
  const named = PACKED.get(metadata.get(PACKED_AS)[0]?.toString() ?? "");
  return named?.begins(body) ? named.encoding : "identity";
}
