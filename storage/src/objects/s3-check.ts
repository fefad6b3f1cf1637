import { randomUUID } from "node:crypto";
import {
  DeleteObjectCommand,
  GetBucketPolicyStatusCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { statePath } from "@runledger/contract";
import { StorageError } from "../error.ts";
import { isPreconditionFailed, isRace, s3Error, statusOf } from "./s3-error.ts";
import type { S3Location } from "./s3-location.ts";

/** Written once a day that has a start, and tried to be written over and removed at each; no record, but kept like one. */
const probeKey = (day: string) => `probe/write-once-${day}`;
const PROBE_RETENTION_DAYS = 2;
/** At once on one key: exactly one may win. */
const PROBE_WRITERS = 4;
const MAX_CLOCK_SECONDS = 60;
const DAY_MS = 86_400_000;
const SIGNATURE = /^(?:authorization|x-amz-security-token)$/i;

/**
 * Does the store keep what the log relies on? Write-once and compare-and-set are tried, so are the lock and the clock.
 * @throws StorageError `rejected` with everything that must be mended, `unavailable` when the store can't be asked.
 */
export async function checkS3(client: S3Client, location: S3Location): Promise<void> {
  const buckets = [...new Set([location.bucket, location.mutable.bucket])];
  for (const bucket of buckets) await findBucket(client, bucket);
  const settings = [
    ...(await Promise.all(buckets.map((bucket) => publicFault(client, bucket)))),
    ...(location.lock === null ? [] : await lockFaults(client, location)),
  ];
  refuse(settings);
  // Only now something is written.
  const conduct = [await compareAndSetFault(client, location), await writeOnceFault(client, location)];
  refuse([...conduct, clockFault(client)]);
}

/** Does what is replaced or deleted stay as an old version, data keys that were destroyed among it? Null: no, or it can't be told. */
export async function keptVersionsFault(client: S3Client, { mutable: { bucket } }: S3Location): Promise<string | null> {
  const versioning = await optional(bucket, () => client.send(new GetBucketVersioningCommand({ Bucket: bucket })));
  return versioning?.Status === "Enabled"
    ? `bucket ${bucket} has versioning: erased data keys stay there as old versions, so nothing is really erased. Name a bucket without it: &mutable=BUCKET`
    : null;
}

function refuse(found: readonly (string | null)[]): void {
  const faults = found.filter((fault) => fault !== null);
  if (faults.length === 0) return;
  const text = ["this store can't be trusted with evidence:", ...faults].join("\n - ");
  throw new StorageError("rejected", `RUNLEDGER_OBJECTS: ${text}`);
}

/** Its answer has no body: only the status tells. */
async function findBucket(client: S3Client, bucket: string): Promise<void> {
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    const why = { 403: "the credentials may not use it", 404: "there is none: create it first" }[statusOf(error) ?? 0];
    if (why === undefined) throw s3Error(`bucket ${bucket}`, error);
    throw new StorageError("rejected", `RUNLEDGER_OBJECTS: bucket ${bucket}: ${why}`, error);
  }
}

async function lockFaults(client: S3Client, { bucket, mutable, lock }: S3Location): Promise<(string | null)[]> {
  const versioning = await ask(bucket, () => client.send(new GetBucketVersioningCommand({ Bucket: bucket })));
  const configured = await optional(bucket, () =>
    client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket })),
  );
  const { ObjectLockEnabled, Rule } = configured?.ObjectLockConfiguration ?? {};
  const locksAll = Rule?.DefaultRetention !== undefined && mutable.bucket === bucket;
  return [
    versioning.Status === "Enabled" ? null : `bucket ${bucket} has no versioning: enable it, Object Lock needs it`,
    ObjectLockEnabled === "Enabled"
      ? null
      : `bucket ${bucket} has no Object Lock: enable it, or use a bucket that was created with it (or lock=none)`,
    locksAll
      ? `bucket ${bucket} locks everything by default (${lock?.mode}): name another bucket for what changes, &mutable=BUCKET`
      : null,
  ];
}

async function publicFault(client: S3Client, bucket: string): Promise<string | null> {
  const status = await optional(bucket, () => client.send(new GetBucketPolicyStatusCommand({ Bucket: bucket })));
  return status?.PolicyStatus?.IsPublic === true ? isPublic(bucket) : null;
}

function isPublic(bucket: string): string {
  return `bucket ${bucket} is public: block public access, it holds what your agents saw`;
}

/** Not every server tells that its policies let anybody read, so it is tried: the same request without its signature. */
async function isReadByAnybody(client: S3Client, { Bucket, Key }: { Bucket: string; Key: string }): Promise<boolean> {
  const look = new HeadObjectCommand({ Bucket, Key });
  look.middlewareStack.add(
    (next) => (call) => {
      const { headers } = call.request as { headers: Record<string, string> };
      for (const name of Object.keys(headers)) if (SIGNATURE.test(name)) delete headers[name];
      return next(call);
    },
    { step: "deserialize", name: "withoutSignature" },
  );
  try {
    await client.send(look);
    return true;
  } catch (error) {
    const status = statusOf(error) ?? 0;
    if (status >= 400 && status < 500) return false;
    throw s3Error(Key, error);
  }
}

/** Amazon's SDK learns it from a refusal's date, and works around it; retention dates and records do not. */
function clockFault(client: S3Client): string | null {
  const seconds = Math.round(client.config.systemClockOffset / 1000);
  return Math.abs(seconds) <= MAX_CLOCK_SECONDS
    ? null
    : `this machine's clock differs from the store's by ${seconds} s: set it by NTP`;
}

async function compareAndSetFault(client: S3Client, { mutable }: S3Location): Promise<string | null> {
  const place = { Bucket: mutable.bucket, Key: mutable.prefix + statePath(`probe-${randomUUID()}`), Body: "probe" };
  const race = Array.from({ length: PROBE_WRITERS }, (_, writer) =>
    isRefused(client, { ...place, Body: `probe ${writer}`, IfNoneMatch: "*" }),
  );
  const second = (await Promise.all(race)).filter((refused) => !refused).length === 1;
  const other = await isRefused(client, { ...place, IfMatch: '"00000000000000000000000000000000"' });
  const open = await isReadByAnybody(client, place);
  await ask(place.Key, () => client.send(new DeleteObjectCommand({ Bucket: place.Bucket, Key: place.Key })));
  if (open) return isPublic(mutable.bucket);
  return second && other
    ? null
    : `bucket ${mutable.bucket} ignores ${second ? "If-Match" : "If-None-Match"}: two writers would overwrite each other; use a server with conditional writes`;
}

/** The probe stands already after the first start; whoever can write over it, or remove it, could do so with evidence. */
async function writeOnceFault(client: S3Client, { bucket, prefix, lock }: S3Location): Promise<string | null> {
  const now = Date.now();
  const place = { Bucket: bucket, Key: prefix + probeKey(new Date(now).toISOString().slice(0, 10)) };
  const retainUntil = new Date(now + PROBE_RETENTION_DAYS * DAY_MS);
  const locked = lock === null ? {} : { ObjectLockMode: lock.mode, ObjectLockRetainUntilDate: retainUntil };
  const probe = { ...place, Body: "probe", IfNoneMatch: "*", ChecksumAlgorithm: "SHA256", ...locked } as const;
  await isRefused(client, probe);
  if (!(await isRefused(client, probe)))
    return `bucket ${bucket} ignores If-None-Match: what is written can be written over`;
  if (await isReadByAnybody(client, place)) return isPublic(bucket);
  if (lock === null) return null;
  const listed = await ask(place.Key, () =>
    client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: place.Key })),
  );
  const version = listed.Versions?.findLast(({ Key }) => Key === place.Key)?.VersionId;
  if (version === undefined) return `bucket ${bucket} does not list the versions of its objects`;
  return (await canDelete(client, { ...place, VersionId: version }))
    ? `bucket ${bucket} lets a locked version be deleted: its Object Lock does not hold`
    : null;
}

async function isRefused(client: S3Client, input: ConstructorParameters<typeof PutObjectCommand>[0]): Promise<boolean> {
  try {
    await client.send(new PutObjectCommand(input));
    return false;
  } catch (error) {
    if (isPreconditionFailed(error) || isRace(error)) return true;
    throw s3Error(input.Key ?? "", error);
  }
}

async function canDelete(
  client: S3Client,
  version: { Bucket: string; Key: string; VersionId: string },
): Promise<boolean> {
  try {
    await client.send(new DeleteObjectCommand(version));
    return true;
  } catch (error) {
    if (statusOf(error) === 403 || statusOf(error) === 400) return false;
    throw s3Error(version.Key, error);
  }
}

async function ask<Answer>(what: string, send: () => Promise<Answer>): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    throw s3Error(what, error);
  }
}

/** Null when the store has no such setting, doesn't know of it, or does not let us see it. */
async function optional<Answer>(what: string, send: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await send();
  } catch (error) {
    const status = statusOf(error);
    if (status === 403 || status === 404 || status === 405 || status === 501) return null;
    throw s3Error(what, error);
  }
}
