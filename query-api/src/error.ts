import type { ApiErrorCode } from "@runledger/contract";

export interface ErrorFacts {
  /** The way out, for whoever reads the answer. */
  hint?: string;
  details?: { field: string; message: string }[];
  cause?: unknown;
}

/** The query API's one error: a code of the closed list, and text that may be shown to the caller. */
export class QueryApiError extends Error {
  readonly code: ApiErrorCode;
  readonly hint: string | null;
  readonly details: { field: string; message: string }[];
  readonly retryable: boolean;

  constructor(code: ApiErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "QueryApiError";
    this.code = code;
    this.hint = facts.hint ?? null;
    this.details = facts.details ?? [];
    this.retryable = code === "unavailable" || code === "rate_limited";
  }
}

/** A 400 that names the field. */
export function invalidField(field: string, message: string, hint?: string): QueryApiError {
  return new QueryApiError("invalid_argument", `${field}: ${message}`, {
    details: [{ field, message }],
    ...(hint === undefined ? {} : { hint }),
  });
}
