import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { isEvidencePath } from "@runledger/contract";
import { isAbsent, isPreconditionFailed, isRace, s3Error } from "./s3-error.ts";
import type { S3Location } from "./s3-location.ts";
import { putInParts } from "./s3-multipart.ts";
import type { Originals } from "./s3-originals.ts";

export interface S3Dependencies {
  client: S3Client;
  /** Milliseconds since the epoch: retention counts from here. */
  now: () => number;
  /** [0, 1), for waits. */
  random: () => number;
  /** Told of what should not be: something was put over evidence. */
  warn: (message: string, details: object) => void;
  /** Larger objects go in parts. */
  multipartBytes?: number;
}

export interface WriteCondition {
  IfNoneMatch?: string;
  IfMatch?: string;
}

export interface S3Writes {
  /**
   * Writes on a condition; resolves with the ETag, or null when the condition does not hold and nothing of ours is there.
   * `retainUntilMs`: of the lock of evidence; without it the location's retention, from now.
   */
  putIf(path: string, bytes: Uint8Array, condition: WriteCondition, retainUntilMs?: number): Promise<string | null>;
  /** Null when there is no object. */
  head(path: string): Promise<HeadObjectCommandOutput | null>;
}

/** Whose write an object is, when an answer was lost. */
const WRITER = "runledger-write";
const MAX_RACES = 8;
/** A pack has 8 MiB, unless it is of one payload that is larger. */
const MULTIPART_BYTES = 16 * 1024 * 1024;
const DAY_MS = 86_400_000;

export function createS3Writes(
  { client, now, random, multipartBytes = MULTIPART_BYTES }: S3Dependencies,
  location: S3Location,
  placeOf: (path: string) => { Bucket: string; Key: string },
  originals: Originals | null,
): S3Writes {
  const lockOf = (path: string, retainUntilMs: number | undefined): Partial<PutObjectCommandInput> => {
    if (location.lock === null || !isEvidencePath(path)) return {};
    const { mode, retentionDays } = location.lock;
    const untilMs = retainUntilMs ?? now() + retentionDays * DAY_MS;
    return { ObjectLockMode: mode, ObjectLockRetainUntilDate: new Date(untilMs) };
  };

  const putIf: S3Writes["putIf"] = async (path, bytes, condition, retainUntilMs) => {
    const writer = randomUUID();
    const place = placeOf(path);
    const facts = { ...lockOf(path, retainUntilMs), Metadata: { [WRITER]: writer } };
    const put = (): Promise<{ ETag?: string | undefined; VersionId?: string | undefined }> => {
      if (bytes.length > multipartBytes) return putInParts(client, { place, facts, condition }, bytes);
      const ChecksumSHA256 = createHash("sha256").update(bytes).digest("base64");
      return client.send(new PutObjectCommand({ ...place, ...condition, ...facts, Body: bytes, ChecksumSHA256 }));
    };
    for (let races = 0; ; races++) {
      try {
        const { ETag = "", VersionId } = await put();
        if (originals !== null && VersionId !== undefined && isEvidencePath(path)) originals.remember(path, VersionId);
        return ETag;
      } catch (error) {
        if (isRace(error) && races < MAX_RACES) {
          await sleep(random() * 50 * 2 ** races);
          continue;
        }
        if (!isPreconditionFailed(error) && !isAbsent(error)) throw s3Error(path, error);
        // An attempt before this one may have been done though its answer was lost.
        return await etagOfWriter(path, writer);
      }
    }
  };
  const etagOfWriter = async (path: string, writer: string): Promise<string | null> => {
    const found = await head(path);
    return found?.Metadata?.[WRITER] === writer ? (found.ETag ?? "") : null;
  };
  const head = async (path: string) => {
    try {
      return await client.send(new HeadObjectCommand(placeOf(path)));
    } catch (error) {
      if (isAbsent(error)) return null;
      throw s3Error(path, error);
    }
  };

  return { putIf, head };
}
