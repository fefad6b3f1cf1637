import { status as grpcStatus } from "@grpc/grpc-js";
import { StorageError } from "@runledger/storage";
import { OtlpError, type OtlpErrorCode } from "../otlp/otlp.ts";

/** How a refusal is told over either transport. */
export interface RefusalStatus {
  /** Label of the request counter: the canonical name of the gRPC code. */
  name: string;
  grpcCode: grpcStatus;
  httpCode: number;
  message: string;
  /** Null: sending the same request again is of no use. */
  retryAfterSeconds: number | null;
}

/** The one place where errors become statuses (https://opentelemetry.io/docs/specs/otlp/#failures). */
const OTLP_STATUS: Record<OtlpErrorCode, Omit<RefusalStatus, "message">> = {
  malformed: {
    name: "invalid_argument",
    grpcCode: grpcStatus.INVALID_ARGUMENT,
    httpCode: 400,
    retryAfterSeconds: null,
  },
  // RESOURCE_EXHAUSTED without RetryInfo tells OTLP clients not to retry.
  too_large: { name: "too_large", grpcCode: grpcStatus.RESOURCE_EXHAUSTED, httpCode: 413, retryAfterSeconds: null },
  unsupported_type: {
    name: "unsupported_type",
    grpcCode: grpcStatus.INVALID_ARGUMENT,
    httpCode: 415,
    retryAfterSeconds: null,
  },
  unknown_path: { name: "not_found", grpcCode: grpcStatus.UNIMPLEMENTED, httpCode: 404, retryAfterSeconds: null },
  wrong_method: { name: "wrong_method", grpcCode: grpcStatus.UNIMPLEMENTED, httpCode: 405, retryAfterSeconds: null },
  unauthenticated: {
    name: "unauthenticated",
    grpcCode: grpcStatus.UNAUTHENTICATED,
    httpCode: 401,
    retryAfterSeconds: null,
  },
  permission_denied: {
    name: "permission_denied",
    grpcCode: grpcStatus.PERMISSION_DENIED,
    httpCode: 403,
    retryAfterSeconds: null,
  },
  overloaded: {
    name: "resource_exhausted",
    grpcCode: grpcStatus.RESOURCE_EXHAUSTED,
    httpCode: 503,
    retryAfterSeconds: 1,
  },
  timeout: {
    name: "deadline_exceeded",
    grpcCode: grpcStatus.DEADLINE_EXCEEDED,
    httpCode: 408,
    retryAfterSeconds: null,
  },
  not_stored: { name: "unavailable", grpcCode: grpcStatus.UNAVAILABLE, httpCode: 503, retryAfterSeconds: 5 },
  closing: { name: "unavailable", grpcCode: grpcStatus.UNAVAILABLE, httpCode: 503, retryAfterSeconds: 5 },
};

export function refusalOf(error: unknown): RefusalStatus {
  if (error instanceof OtlpError) return { ...OTLP_STATUS[error.code], message: error.message };
  if (error instanceof StorageError && error.code === "full") {
    return {
      name: "resource_exhausted",
      grpcCode: grpcStatus.RESOURCE_EXHAUSTED,
      httpCode: 503,
      message: error.message,
      retryAfterSeconds: 5,
    };
  }
  if (isFatal(error)) {
    return {
      name: "unavailable",
      grpcCode: grpcStatus.UNAVAILABLE,
      httpCode: 503,
      message: "the journal can't be written; retry later",
      retryAfterSeconds: 5,
    };
  }
  return {
    name: "internal",
    grpcCode: grpcStatus.UNAVAILABLE,
    httpCode: 503,
    message: "the collector failed; retry later",
    retryAfterSeconds: 5,
  };
}

/** The journal is dead: nothing can be acknowledged until the process starts anew. */
export function isFatal(error: unknown): boolean {
  return error instanceof StorageError && error.code !== "full";
}
