import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";

/** S3 takes parts of 5 MiB and more. Few at a time: each is held in memory by the client while it is sent again. */
export const PART_BYTES = 8 * 1024 * 1024;
const PARALLEL_PARTS = 4;

export interface MultipartWrite {
  place: { Bucket: string; Key: string };
  /** Lock and metadata, which are given when the upload begins. */
  facts: Omit<Partial<CreateMultipartUploadCommandInput>, "Bucket" | "Key">;
  condition: { IfNoneMatch?: string; IfMatch?: string };
}

/**
 * Writes a large object in parts, each with its SHA-256. Nothing is there before the last request, which holds the condition; a crash before it
 * leaves parts that nobody can read (a lifecycle rule of the bucket removes them). Rejects as PutObject does.
 */
export async function putInParts(
  client: S3Client,
  { place, facts, condition }: MultipartWrite,
  bytes: Uint8Array,
  partBytes: number = PART_BYTES,
): Promise<{ ETag?: string; VersionId?: string }> {
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ ...place, ...facts, ChecksumAlgorithm: "SHA256" }),
  );
  try {
    const count = Math.ceil(bytes.length / partBytes);
    const parts: { PartNumber: number; ETag?: string; ChecksumSHA256: string }[] = [];
    for (let begin = 0; begin < count; begin += PARALLEL_PARTS) {
      const numbers = Array.from({ length: Math.min(PARALLEL_PARTS, count - begin) }, (_, i) => begin + i + 1);
      const sent = numbers.map(async (PartNumber) => {
        const Body = bytes.subarray((PartNumber - 1) * partBytes, PartNumber * partBytes);
        const ChecksumSHA256 = createHash("sha256").update(Body).digest("base64");
        const { ETag = "" } = await client.send(
          new UploadPartCommand({ ...place, UploadId, PartNumber, Body, ChecksumSHA256 }),
        );
        return { PartNumber, ETag, ChecksumSHA256 };
      });
      parts.push(...(await Promise.all(sent)));
    }
    const { ETag = "", VersionId } = await client.send(
      new CompleteMultipartUploadCommand({ ...place, ...condition, UploadId, MultipartUpload: { Parts: parts } }),
    );
    return { ETag, ...(VersionId === undefined ? {} : { VersionId }) };
  } catch (error) {
    // Whether it is gone does not matter: who can't be told about it now removes unfinished uploads by a lifecycle rule.
    await client.send(new AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => undefined);
    throw error;
  }
}
