import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { invalidField } from "../error.ts";

export const REASON_HEADER = "runledger-reason";
/** As errors and the reference name it; the pages know it too. */
export const REASON_FIELD = "Runledger-Reason";
export const MAX_REASON_CHARS = 1_000;

/** The query parameter of routes whose acts may be given a reason. */
export const reasonParameter = z
  .string()
  .max(MAX_REASON_CHARS)
  .optional()
  .describe("why, for the record that is kept of this act");

const query = z.object({ reason: z.string() });

/**
 * Why somebody acts, in their own words: `given`, or else the query parameter `reason` of routes that take one, or else the header
 * `Runledger-Reason` (UTF-8). Null when not told, or told by spaces.
 */
export function reasonOf(request: FastifyRequest, given?: string): string | null {
  return told(given) ?? told(query.safeParse(request.query).data?.reason) ?? told(headerText(request));
}

function told(reason: string | undefined): string | null {
  return reason === undefined || reason.trim() === "" ? null : reason;
}

function headerText({ headers }: FastifyRequest): string | undefined {
  const header = headers[REASON_HEADER];
  if (typeof header !== "string") return undefined;
  // Node reads header bytes as Latin-1; senders of UTF-8 mean UTF-8.
  const reason = Buffer.from(header, "latin1").toString("utf8");
  if (reason.length > MAX_REASON_CHARS)
    throw invalidField(REASON_FIELD, `is longer than ${MAX_REASON_CHARS} characters`);
  return reason;
}
