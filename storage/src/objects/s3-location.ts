import { z } from "zod";
import { StorageError } from "../error.ts";
import { EXPIRY_DAYS } from "../keys/key-ring.ts";

/** Where objects lie in S3. */
export interface S3Location {
  bucket: string;
  /** "" or ending in a slash. */
  prefix: string;
  /** Where what is replaced lies (checkpoint, partial tiles, staging, state): a bucket without a lock, or the same one. */
  mutable: { bucket: string; prefix: string };
  /** Of a server that is not Amazon's; then buckets are part of the path. */
  endpoint: string | null;
  region: string;
  lock: S3Lock | null;
}

/** Object Lock of evidence. In governance mode whoever has s3:BypassGovernanceRetention can delete. */
export interface S3Lock {
  mode: "COMPLIANCE" | "GOVERNANCE";
  /** Of what brings no date of its own, from its writing. */
  retentionDays: number;
}

/** What came on a month's first day is kept so much longer than contents are kept after a month's end (`contentLockEndMs`). */
const BEYOND_CONTENT_DAYS = 31 + EXPIRY_DAYS;
const DEFAULT_RETENTION_DAYS = 400 + BEYOND_CONTENT_DAYS;
const place = /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9._/-]*))?$/;

const options = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/, message: "is a URL such as https://s3.example.com" }).optional(),
  region: z.string().min(1).default("us-east-1"),
  lock: z.enum(["compliance", "governance", "none"]).default("none"),
  retention: z
    .string()
    .regex(/^[1-9]\d{0,4}d$/, "is a number of days such as 400d")
    .default(`${DEFAULT_RETENTION_DAYS}d`),
  mutable: z.string().regex(place, "is BUCKET or BUCKET/PREFIX").optional(),
});

/**
 * Reads `s3://BUCKET/PREFIX?endpoint=…&region=…&lock=compliance|governance|none&retention=433d&mutable=BUCKET/PREFIX`.
 * Credentials come from where Amazon's SDK finds them (environment, shared file, instance role). @throws StorageError `rejected`.
 */
export function parseS3Location(location: string): S3Location {
  const [where = "", query = ""] = location.slice("s3://".length).split("?", 2);
  const main = place.exec(where);
  if (main === null) throw rejected(`${JSON.stringify(location)} is not s3://BUCKET/PREFIX`);
  const parsed = options.safeParse(Object.fromEntries(new URLSearchParams(query)));
  if (!parsed.success) {
    throw rejected(
      parsed.error.issues.map(({ path, message }) => `${path.join(".") || "option"}: ${message}`).join("; "),
    );
  }
  const { endpoint = null, region, lock, retention, mutable } = parsed.data;
  const evidence = placeOf(main);
  const other = mutable === undefined ? null : place.exec(mutable);
  return {
    ...evidence,
    mutable: other === null ? evidence : placeOf(other),
    endpoint,
    region,
    lock:
      lock === "none"
        ? null
        : { mode: lock === "compliance" ? "COMPLIANCE" : "GOVERNANCE", retentionDays: Number(retention.slice(0, -1)) },
  };
}

/** The lock of a location; null: there is none, as in a directory. */
export function lockOf(location: string): S3Lock | null {
  return location.startsWith("s3://") ? parseS3Location(location).lock : null;
}

/** Does the lock of the log's own files end while contents that they prove are still kept? Null: no; nothing else is wrong with the location. */
export function shortLockFault(location: string, contentRetentionDays: number): string | null {
  const lock = lockOf(location);
  const days = contentRetentionDays + BEYOND_CONTENT_DAYS;
  return lock === null || lock.retentionDays >= days
    ? null
    : `RUNLEDGER_OBJECTS: retention=${lock.retentionDays}d locks the log's files for less time than contents are kept: set retention=${days}d (RUNLEDGER_CONTENT_RETENTION_DAYS=${contentRetentionDays}, a month and ${EXPIRY_DAYS} days)`;
}

function placeOf([, bucket = "", prefix = ""]: RegExpExecArray): { bucket: string; prefix: string } {
  return { bucket, prefix: prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/` };
}

function rejected(message: string): StorageError {
  return new StorageError("rejected", `RUNLEDGER_OBJECTS: ${message}`);
}
