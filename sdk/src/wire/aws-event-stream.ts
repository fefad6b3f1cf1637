import { crc32 } from "node:zlib";

/**
 * The events of AWS's binary framing. Each message: total length and length of its headers (4 bytes each), checksum of these, headers,
 * payload, checksum of all. A stream that broke off gives the messages that are whole; checksums are left to TLS and the client.
 * Source: https://smithy.io/2.0/aws/amazon-eventstream.html
 */
export interface AwsEvent {
  /** `:event-type`, or of an error `:exception-type` or `:error-code`. */
  type: string;
  /** `event`, `exception` or `error`. */
  kind: string;
  payload: string;
}

export const AWS_EVENT_STREAM = "application/vnd.amazon.eventstream";

const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const STRING = 7;
/** Sizes of the other types of header values; those of 6 and 7 stand before them. */
const VALUE_BYTES: readonly number[] = [0, 0, 1, 2, 4, 8, Number.NaN, Number.NaN, 8, 16];
const utf8 = new TextDecoder();

export function awsEvents(bytes: Uint8Array): AwsEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: AwsEvent[] = [];
  for (let at = 0; at + PRELUDE_BYTES + CHECKSUM_BYTES <= bytes.byteLength; ) {
    const totalBytes = view.getUint32(at);
    const headersEnd = at + PRELUDE_BYTES + view.getUint32(at + 4);
    const payloadEnd = at + totalBytes - CHECKSUM_BYTES;
    if (payloadEnd < headersEnd || at + totalBytes > bytes.byteLength) break;
    const headers = headersOf(bytes, view, at + PRELUDE_BYTES, headersEnd);
    const kind = headers.get(":message-type") ?? "event";
    const type = headers.get(":event-type") ?? headers.get(":exception-type") ?? headers.get(":error-code") ?? "";
    // An error has its text in a header and no payload.
    const payload = headers.get(":error-message") ?? utf8.decode(bytes.subarray(headersEnd, payloadEnd));
    events.push({ type, kind, payload });
    at += totalBytes;
  }
  return events;
}

/** A message with the event in it, as `awsEvents` reads it. */
export function awsMessage({ type, kind, payload }: AwsEvent): Buffer {
  const names: Record<string, string> = { exception: ":exception-type", error: ":error-code" };
  const texts = { ":message-type": kind, [names[kind] ?? ":event-type"]: type };
  // An error has its text in a header and no payload.
  const more: object = kind === "error" ? { ":error-message": payload } : { ":content-type": "application/json" };
  const headers = Buffer.concat(Object.entries({ ...texts, ...more }).map(([name, value]) => header(name, value)));
  const body = Buffer.from(kind === "error" ? "" : payload);
  const message = Buffer.alloc(PRELUDE_BYTES + headers.byteLength + body.byteLength + CHECKSUM_BYTES);
  message.writeUInt32BE(message.byteLength, 0);
  message.writeUInt32BE(headers.byteLength, 4);
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8);
  headers.copy(message, PRELUDE_BYTES);
  body.copy(message, PRELUDE_BYTES + headers.byteLength);
  const end = message.byteLength - CHECKSUM_BYTES;
  message.writeUInt32BE(crc32(message.subarray(0, end)), end);
  return message;
}

function header(name: string, text: string): Buffer {
  const value = Buffer.from(text);
  const head = Buffer.alloc(1 + name.length + 3);
  head.writeUInt8(name.length, 0);
  head.write(name, 1, "latin1");
  head.writeUInt8(STRING, 1 + name.length);
  head.writeUInt16BE(value.byteLength, 2 + name.length);
  return Buffer.concat([head, value]);
}

/** The same as a transcript of JSON by the line, which is what is kept of it: `{"type","kind","payload"}`, the payload as it came. */
export function awsTranscript(bytes: Uint8Array): string {
  return awsEvents(bytes)
    .map((event) => `${JSON.stringify(event)}\n`)
    .join("");
}

function headersOf(bytes: Uint8Array, view: DataView, start: number, end: number): Map<string, string> {
  const headers = new Map<string, string>();
  for (let at = start; at < end; ) {
    const nameEnd = at + 1 + view.getUint8(at);
    if (nameEnd + 1 > end) break;
    const type = view.getUint8(nameEnd);
    const isSized = type === 6 || type === STRING;
    const valueStart = nameEnd + 1 + (isSized ? 2 : 0);
    if (valueStart > end) break;
    const valueEnd = valueStart + (isSized ? view.getUint16(nameEnd + 1) : (VALUE_BYTES[type] ?? Number.NaN));
    if (!(valueEnd <= end)) break;
    if (type === STRING) {
      headers.set(utf8.decode(bytes.subarray(at + 1, nameEnd)), utf8.decode(bytes.subarray(valueStart, valueEnd)));
    }
    at = valueEnd;
  }
  return headers;
}
