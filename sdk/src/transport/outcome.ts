/** `split`: one record may be to blame, so the batch is tried in halves until that one is alone. */
export type SendOutcome = "delivered" | "again" | "split" | "refused";

/** A request that failed, and what that means for it. */
export class SendFailure extends Error {
  override readonly name = "SendFailure";
  readonly outcome: SendOutcome;

  constructor(outcome: SendOutcome, message: string | undefined) {
    super(message);
    this.outcome = outcome;
  }
}

/** gRPC status codes worth another try (OTLP specification, "OTLP/gRPC Response"). */
const RETRYABLE = new Set([1, 4, 10, 11, 14, 15]);
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;

/** What a failed export means for the batch. */
export function outcomeOf(error: unknown): SendOutcome {
  if (error instanceof SendFailure) return error.outcome;
  if (typeof error !== "object" || error === null || !("code" in error) || typeof error.code !== "number")
    return "split";
  if (error.code === INVALID_ARGUMENT) return "split";
  if (error.code === RESOURCE_EXHAUSTED) return hasRetryInfo(error) ? "again" : "split";
  return RETRYABLE.has(error.code) ? "again" : "refused";
}

/** RESOURCE_EXHAUSTED is a full collector when it says when to come back, else a message over its size limit. */
function hasRetryInfo(error: object): boolean {
  if (!("metadata" in error) || typeof error.metadata !== "object" || error.metadata === null) return false;
  const { metadata } = error;
  if (!("get" in metadata) || typeof metadata.get !== "function") return false;
  return metadata.get("grpc-status-details-bin").length > 0 || metadata.get("retry-after").length > 0;
}
