import { apiError } from "@runledger/contract";
import type { z } from "zod";

/** Asks a running query API. @throws Error whose message says what is wrong and what to do. */
export async function askApi<Answer>(apiUrl: string, path: string, shape: z.ZodType<Answer>): Promise<Answer> {
  const response = await reach(apiUrl, path);
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new Error(errorText(response.status, body));
  return shape.parse(body);
}

/** A response of the query API, whatever its status. */
export async function reach(apiUrl: string, path: string, init?: RequestInit): Promise<Response> {
  const url = new URL(path, apiUrl);
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw new Error(`Nothing answers at ${url.origin}. Is Runledger running (npm start)? Another address: --api URL.`, {
      cause,
    });
  }
}

function errorText(status: number, body: unknown): string {
  const parsed = apiError.safeParse(body);
  if (!parsed.success) return `The query API answered ${status}.`;
  const { message, hint } = parsed.data.error;
  return hint === null ? message : `${message}\n${hint}`;
}
