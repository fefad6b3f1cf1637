import type { IncomingMessage } from "node:http";

export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;
  constructor(status: number, code: string, headers: Record<string, string> = {}) {
    super(code);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export function xml(body: string): Answer {
  return { status: 200, headers: { "content-type": "application/xml" }, body: `<?xml version="1.0"?>${body}` };
}

export function text(value: string | string[] | undefined): string | null {
  return typeof value === "string" ? value : null;
}

export function metadataOf(headers: IncomingMessage["headers"]): Record<string, string> {
  const all = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith("x-amz-meta-") ? [[name, String(value)]] : [],
  );
  return Object.fromEntries(all);
}
