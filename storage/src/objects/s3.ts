import { setTimeout as sleep } from "node:timers/promises";
import { DeleteObjectCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import { isEvidencePath, MAX_OBJECT_BYTES } from "@runledger/contract";
import { StorageError } from "../error.ts";
import { checkedPath, refuseEvidence } from "./object-path.ts";
import type { CreateOptions, Objects, ObjectVersion } from "./objects.ts";
import { isAbsent, isHidden, s3Error, statusOf } from "./s3-error.ts";
import { listS3Folders, listS3Objects } from "./s3-list.ts";
import type { S3Location } from "./s3-location.ts";
import { createOriginals } from "./s3-originals.ts";
import { createS3Writes, type S3Dependencies } from "./s3-writes.ts";

const MAX_REPLACES = 8;
const MAX_TOLD = 10_000;

/**
 * Objects in S3. Evidence is created with `If-None-Match: *`, its SHA-256 and, when the location says so, a lock; it is read by the
 * version that was there first, so a delete marker or a newer version hides nothing. What is replaced is written by compare-and-set only:
 * a write that arrives late undoes nothing, as long as what is replaced never has the same bytes again. A crash of ours leaves whole objects or none.
 */
export function createS3Objects(dependencies: S3Dependencies, location: S3Location): Objects {
  const { client, random, warn } = dependencies;
  const originals = location.lock === null ? null : createOriginals({ client, warn }, location);

  const placeOf = (path: string) => {
    const { bucket, prefix } = isEvidencePath(checkedPath(path)) ? location : location.mutable;
    return { Bucket: bucket, Key: prefix + path };
  };
  const hidden = new Set<string>();
  const warnOfHidden = (path: string): void => {
    if (hidden.has(path) || hidden.size >= MAX_TOLD) return;
    hidden.add(path);
    warn("a delete marker hides evidence; with lock= in the location what was there first is read", { path });
  };
  /** Null: there is no object, or its original is not there. */
  const get = async (path: string, range: { Range?: string } = {}) => {
    const place = placeOf(path);
    try {
      const version = originals !== null && isEvidencePath(path) ? await originals.find(path) : undefined;
      if (version === null) return null;
      const { Body, ETag = "" } = await client.send(
        new GetObjectCommand({ ...place, ...range, ...(version === undefined ? {} : { VersionId: version }) }),
      );
      return { bytes: await wholeOf(path, Body as AsyncIterable<Uint8Array> | undefined), version: ETag };
    } catch (error) {
      if (isAbsent(error)) {
        if (isEvidencePath(path) && isHidden(error)) warnOfHidden(path);
        return null;
      }
      if (statusOf(error) === 416) return { bytes: new Uint8Array(), version: "" };
      throw s3Error(path, error);
    }
  };

  const { putIf, head } = createS3Writes(dependencies, location, placeOf, originals);

  const create = async (path: string, bytes: Uint8Array, { retainUntilMs }: CreateOptions = {}): Promise<void> => {
    if ((await putIf(path, bytes, { IfNoneMatch: "*" }, retainUntilMs)) !== null) return;
    const stored = await get(path);
    if (stored === null || Buffer.compare(stored.bytes, bytes) !== 0) {
      throw new StorageError("conflict", `${path} exists with other bytes`);
    }
  };
  const compareAndSet = async (path: string, bytes: Uint8Array, expected: ObjectVersion | null) => {
    refuseEvidence(path, "replaced");
    const version = await putIf(path, bytes, expected === null ? { IfNoneMatch: "*" } : { IfMatch: expected });
    if (version === null) throw new StorageError("conflict", `${path} has changed`);
    return version;
  };
  const replace = async (path: string, bytes: Uint8Array): Promise<void> => {
    refuseEvidence(path, "replaced");
    for (let attempt = 0; attempt < MAX_REPLACES; attempt++) {
      const found = await head(path);
      const written = await putIf(path, bytes, found === null ? { IfNoneMatch: "*" } : { IfMatch: found.ETag ?? "" });
      if (written !== null) return;
      await sleep(random() * 20 * 2 ** attempt);
    }
    throw new StorageError("unavailable", `${path} is being written by others all the time; try again`);
  };

  return {
    create,
    replace,
    compareAndSet,
    read: async (path) => (await get(path))?.bytes ?? null,
    readRange: async (path, offset, length) => {
      if (length <= 0) return (await head(path)) && new Uint8Array();
      return (await get(path, { Range: `bytes=${offset}-${offset + length - 1}` }))?.bytes ?? null;
    },
    readVersioned: (path) => get(path),
    list: (prefix) => listS3Objects(client, location, originals, prefix),
    folders: (prefix) => listS3Folders(client, location, originals, prefix),
    delete: async (path) => {
      refuseEvidence(path, "deleted");
      await client.send(new DeleteObjectCommand(placeOf(path))).catch((error: unknown) => {
        if (!isAbsent(error)) throw s3Error(path, error);
      });
    },
  };
}

/** Whoever may write into the bucket must not be able to fill our memory. @throws StorageError `damaged` for more than any object has. */
async function wholeOf(path: string, body: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > MAX_OBJECT_BYTES)
      throw new StorageError("damaged", `${path} has more than ${MAX_OBJECT_BYTES} bytes, as no such object has`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
