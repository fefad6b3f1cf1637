/** Field 1 of an ExportTraceServiceRequest, `resource_spans`, with a length before it. */
const RESOURCE_SPANS = 0x0a;

/**
 * The parts of an ExportTraceServiceRequest, each a request of its own; put together they are it again. Undefined when the bytes are none.
 * Source: https://protobuf.dev/programming-guides/encoding/#structure
 */
export function requestParts(request: Uint8Array): Uint8Array[] | undefined {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < request.byteLength; ) {
    if (request[at] !== RESOURCE_SPANS) return undefined;
    const { value: sizeBytes, end } = varint(request, at + 1);
    if (end === undefined || end + sizeBytes > request.byteLength) return undefined;
    parts.push(request.subarray(at, end + sizeBytes));
    at = end + sizeBytes;
  }
  return parts;
}

function varint(bytes: Uint8Array, start: number): { value: number; end: number | undefined } {
  let value = 0;
  for (let at = start; at < Math.min(start + 5, bytes.byteLength); at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return { value, end: undefined };
}
