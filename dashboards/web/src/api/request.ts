import type { ApiError } from "@runledger/contract";
import { reasonHeaders } from "../reason/reason.ts";

/** Why a call failed, in the API's own words. `status` is 0 when no answer came at all. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  readonly hint: string | null;
  readonly fields: { field: string; message: string }[];

  constructor(status: number, message: string, hint: string | null, fields: { field: string; message: string }[] = []) {
    super(message);
    this.status = status;
    this.hint = hint;
    this.fields = fields;
  }

  /** Whether the same call may succeed a moment later. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

type Query = Record<string, string | number | undefined>;

/**
 * A GET of the query API at this origin, with why somebody looks. Answers come from the same release as this page, so their shape is taken as the contract's.
 * @throws RequestError
 */
export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return await ask<T>(withQuery(path, query), {
    headers: { accept: "application/json", ...reasonHeaders() },
    ...(signal ? { signal } : {}),
  });
}

/** A change. Why somebody looks is no reason for it, and may not be for an agent to hear. @throws RequestError */
export async function sendJson<T>(method: "POST" | "DELETE", path: string, body: object = {}): Promise<T> {
  const headers = { accept: "application/json", "content-type": "application/json" };
  return await ask<T>(path, { method, headers, body: JSON.stringify(body) });
}

async function ask<T>(url: string, request: RequestInit): Promise<T> {
  const response = await fetch(url, request).catch((cause: unknown) => {
    if (request.signal?.aborted) throw cause;
    throw new RequestError(0, "The server does not answer.", "Is Runledger still running, and this machine online?");
  });
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw failureOf(response, body);
  if (body === null)
    throw new RequestError(response.status, "The answer is not JSON.", "A proxy in between may have replaced it.");
  return body as T;
}

function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

function failureOf(response: Response, body: unknown): RequestError {
  if (isApiError(body)) {
    const { message, hint, details } = body.error;
    return new RequestError(response.status, message, hint, details);
  }
  return new RequestError(
    response.status,
    `The server answered ${response.status} ${response.statusText}`.trim(),
    null,
  );
}

function isApiError(body: unknown): body is ApiError {
  if (typeof body !== "object" || body === null || !("error" in body)) return false;
  const { error } = body;
  return typeof error === "object" && error !== null && "message" in error && typeof error.message === "string";
}
