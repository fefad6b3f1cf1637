import { S3Client } from "@aws-sdk/client-s3";
import type { S3Location } from "./s3-location.ts";

export interface S3Limits {
  connectTimeoutMs: number;
  /** Without a byte of an answer. */
  requestTimeoutMs: number;
  /** Of one call, the first included; waits between them grow, with jitter. */
  maxAttempts: number;
  maxConnections: number;
}

export const DEFAULT_S3_LIMITS: S3Limits = {
  connectTimeoutMs: 3_000,
  requestTimeoutMs: 20_000,
  maxAttempts: 4,
  maxConnections: 64,
};

/** Credentials are found as Amazon's SDK finds them. */
export function createS3Client({ endpoint, region }: S3Location, limits: S3Limits): S3Client {
  return new S3Client({
    region,
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    retryMode: "standard",
    maxAttempts: limits.maxAttempts,
    requestHandler: {
      connectionTimeout: limits.connectTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: limits.maxConnections },
      httpsAgent: { keepAlive: true, maxSockets: limits.maxConnections },
    },
    // Our own SHA-256 goes with each object; answers without a checksum are fine, the log has its own hashes.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}
