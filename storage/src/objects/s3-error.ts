import { S3ServiceException } from "@aws-sdk/client-s3";
import { StorageError } from "../error.ts";

/** Refusals that another attempt may not meet: too many requests, a clock, a server that is busy or starting. */
const TRANSIENT = new Set(["SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "ThrottlingException"]);
/** Too many requests; and refusals of access, which its administrator may take back: evidence that waits is not damaged. */
const MAY_PASS = new Set([401, 403, 429]);
const HINTS: Record<string, string> = {
  AccessDenied: "the credentials may not do this",
  InvalidAccessKeyId: "check AWS_ACCESS_KEY_ID",
  SignatureDoesNotMatch: "check AWS_SECRET_ACCESS_KEY",
  NoSuchBucket: "create the bucket first",
  RequestTimeTooSkewed: "this machine's clock is wrong: set it by NTP",
  CredentialsProviderError: "no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role",
};

/** A failure of S3 in this package's terms. What got no answer, or an answer of 5xx, may have happened and may be tried again. */
export function s3Error(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const name = cause instanceof Error ? cause.name : "";
  const hint = HINTS[name];
  const message = `${path}: ${cause instanceof Error ? cause.message : String(cause)}${hint === undefined ? "" : ` (${hint})`}`;
  if (isPreconditionFailed(cause)) return new StorageError("conflict", message, cause);
  const status = statusOf(cause);
  const answered = status !== null && status < 500 && !MAY_PASS.has(status) && !TRANSIENT.has(name);
  return new StorageError(answered ? "rejected" : "unavailable", message, cause);
}

export function statusOf(error: unknown): number | null {
  return error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? null) : null;
}

export function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404 && !(error instanceof Error && error.name === "NoSuchBucket");
}

/** 412: the object is not as expected. */
export function isPreconditionFailed(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** 409 on a conditional write: another one of the same key was under way; nobody knows yet who wins. */
export function isRace(error: unknown): boolean {
  return statusOf(error) === 409 && error instanceof Error && error.name === "ConditionalRequestConflict";
}

/** Of an absent object: a delete marker lies over it. */
export function isHidden(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$response?.headers["x-amz-delete-marker"] === "true";
}
