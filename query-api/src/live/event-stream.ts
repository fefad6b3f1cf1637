import type { ServerResponse } from "node:http";

const RETRY_MS = 2_000;
/** A reader this far behind is cut off; it comes back with the id of the last event it saw. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** One client of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface EventStream {
  send(event: "run" | "step", id: string, data: unknown): void;
  /** A comment that keeps proxies from closing a quiet stream. */
  beat(): void;
  end(): void;
}

export function openEventStream(
  response: ServerResponse,
  headers: Record<string, number | string | string[] | undefined>,
): EventStream {
  response.writeHead(200, {
    ...Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  write(`retry: ${RETRY_MS}\n\n`);
  return {
    send: (event, id, data) => write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    beat: () => write(":\n\n"),
    end: () => response.end(),
  };

  function write(text: string): void {
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    else if (!response.writableEnded) response.write(text);
  }
}
