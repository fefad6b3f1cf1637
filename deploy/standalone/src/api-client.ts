import { apiError } from "@runledger/contract";
import { visibleText } from "@runledger/verify";
import type { z } from "zod";

/** Where a query API is, and the key that it may ask for. */
export interface ApiAccess {
  url: string;
  key: string | undefined;
  /** Why it is read, for the record that is kept of reads of content. */
  reason?: string | undefined;
}

/** With the settings of commands that ask a running query API: RUNLEDGER_API_KEY, RUNLEDGER_REASON. */
export function apiAccess(url: string, env: NodeJS.ProcessEnv): ApiAccess {
  return { url, key: env["RUNLEDGER_API_KEY"] || undefined, reason: env["RUNLEDGER_REASON"] || undefined };
}

/** A reason as a header: its UTF-8, a byte a character. */
export function reasonHeader(reason: string): Record<string, string> {
  return { "runledger-reason": Buffer.from(reason).toString("latin1") };
}

/** Asks a running query API. @throws Error whose message says what is wrong and what to do. */
export async function askApi<Answer>(api: ApiAccess, path: string, shape: z.ZodType<Answer>): Promise<Answer> {
  const response = await reach(api, path);
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new Error(errorText(response.status, body));
  return shape.parse(body);
}

/** Sends JSON to a running query API. @throws Error as `askApi`. */
export async function sendApi<Answer>(
  api: ApiAccess,
  method: "POST" | "DELETE",
  path: string,
  body: object | undefined,
  shape: z.ZodType<Answer>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  const response = await reach(api, path, { ...type, ...headers }, { method, ...json });
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new Error(errorText(response.status, answer));
  return shape.parse(answer);
}

/** A response of the query API, whatever its status. */
export async function reach(
  api: ApiAccess,
  path: string,
  headers: Record<string, string> = {},
  request: RequestInit = {},
): Promise<Response> {
  const url = new URL(path, api.url);
  const isRead = request.method === undefined;
  try {
    return await fetch(url, {
      ...request,
      headers: {
        ...(isRead && api.reason !== undefined ? reasonHeader(api.reason) : {}),
        ...headers,
        ...(api.key === undefined ? {} : { authorization: `Bearer ${api.key}` }),
      },
    });
  } catch (cause) {
    throw new Error(unreachable(url, cause), { cause });
  }
}

function unreachable(url: URL, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (/CERT|SIGNED|SSL|TLS/.test(code)) {
    const wayOut = /EXPIRED/.test(code) ? "Renew it there" : "Name its CA: RUNLEDGER_CA_CERT=FILE";
    return `No trusted connection to ${url.origin}: ${cause instanceof Error ? cause.message : code}. ${wayOut} (see docs/access.md).`;
  }
  // Who is refused for a certificate is told nothing, or too late.
  if (url.protocol === "https:" && /^(?:UND_ERR_SOCKET|ECONNRESET|EPIPE)$/.test(code))
    return `${url.origin} closed the connection. If it asks for certificates, show one of its CA that has not expired: RUNLEDGER_CLIENT_CERT, RUNLEDGER_CLIENT_KEY (see docs/access.md).`;
  return `Nothing answers at ${url.origin}. Is Runledger running (npm start)? Another address: --api URL.`;
}

function errorText(status: number, body: unknown): string {
  const parsed = apiError.safeParse(body);
  if (!parsed.success) return `The query API answered ${status}.`;
  const { message, hint: given } = parsed.data.error;
  const hint =
    status === 401
      ? "Give a key in RUNLEDGER_API_KEY; an admin makes one: runledger keys create (docs/access.md)."
      : given;
  return [message, ...(hint === null ? [] : [hint])].map(visibleText).join("\n");
}
