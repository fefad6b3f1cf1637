import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { invalidField } from "../error.ts";

export const REASON_HEADER = "runledger-reason";
const MAX_REASON_CHARS = 1_000;

/** The query parameter of routes whose acts may be given a reason. */
export const reasonParameter = z
  .string()
  .max(MAX_REASON_CHARS)
  .optional()
  .describe("why, for the record that is kept of this act");

/** Why somebody acts, in their own words: query parameter `reason`, or else the header `Runledger-Reason` (UTF-8). Null when not told. */
export function reasonOf(request: FastifyRequest, given?: string): string | null {
  if (given !== undefined && given !== "") return given;
  const header = request.headers[REASON_HEADER];
  if (typeof header !== "string" || header === "") return null;
  // Node reads header bytes as Latin-1; senders of UTF-8 mean UTF-8.
  const reason = Buffer.from(header, "latin1").toString("utf8");
  if (reason.length > MAX_REASON_CHARS)
    throw invalidField("Runledger-Reason", `is longer than ${MAX_REASON_CHARS} characters`);
  return reason;
}
