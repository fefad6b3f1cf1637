import { ListObjectVersionsCommand, type S3Client } from "@aws-sdk/client-s3";
import { isEvidencePath } from "@runledger/contract";
import type { StoredObject } from "./objects.ts";
import { s3Error } from "./s3-error.ts";

/**
 * The first version of each object of a versioned bucket: what a later version or a delete marker can't hide. Object Lock protects
 * versions, not keys. Whoever put something over evidence is reported, once for each object.
 */
export interface Originals {
  /** The version that was there first; null when there is none. */
  find(path: string): Promise<string | null>;
  remember(path: string, version: string): void;
  /** Every object below a prefix that has a version, in ascending order of path. */
  list(prefix: string): AsyncGenerator<StoredObject>;
  /** Names directly below a prefix, beside those `shown`, that have evidence below them which is there by its versions alone. */
  hiddenFolders(prefix: string, shown: ReadonlySet<string>): AsyncGenerator<string>;
}

interface Original extends StoredObject {
  version: string;
}

/** Of one object; more is an attack, and the first is listed last. */
const MAX_VERSIONS = 100_000;
const MAX_REMEMBERED = 100_000;

export function createOriginals(
  { client, warn }: { client: S3Client; warn: (message: string, details: object) => void },
  { bucket, prefix: root }: { bucket: string; prefix: string },
): Originals {
  const known = new Map<string, string>();
  const reported = new Set<string>();
  const remember = (path: string, version: string): void => {
    if (known.size >= MAX_REMEMBERED) known.delete(known.keys().next().value ?? "");
    known.set(path, version);
  };
  const report = (path: string, newer: number): void => {
    if (newer === 0 || !isEvidencePath(path) || reported.has(path) || reported.size >= MAX_REMEMBERED) return;
    reported.add(path);
    warn("something was put over evidence; what was there first is read", { path, newer });
  };

  /** S3 lists the versions of a key together, the newest first. */
  async function* originals(prefix: string): AsyncGenerator<Original> {
    let current: Original | null = null;
    let path = "";
    let newer = 0;
    for await (const item of versions(prefix)) {
      if (item.path !== path) {
        if (current !== null) yield current;
        current = null;
        path = item.path;
        newer = -1;
      }
      newer += 1;
      if (newer > MAX_VERSIONS) throw s3Error(path, new Error(`has more than ${MAX_VERSIONS} versions`));
      if (newer > 0) report(path, newer);
      if (item.isMarker) report(path, 1);
      else current = item;
    }
    if (current !== null) yield current;
  }

  async function* pages(prefix: string, delimiter: { Delimiter?: string } = {}) {
    let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (;;) {
      const page = await client
        .send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: root + prefix, ...delimiter, ...marker }))
        .catch((error: unknown) => {
          throw s3Error(prefix, error);
        });
      yield page;
      if (!page.IsTruncated) return;
      marker = {
        ...(page.NextKeyMarker === undefined ? {} : { KeyMarker: page.NextKeyMarker }),
        ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }),
      };
    }
  }

  async function* versions(prefix: string): AsyncGenerator<Original & { isMarker: boolean }> {
    for await (const page of pages(prefix)) {
      const items = [
        ...(page.Versions ?? []).map((version) => ({ ...version, isMarker: false })),
        ...(page.DeleteMarkers ?? []).map((version) => ({ ...version, Size: 0, isMarker: true })),
      ].sort(byKeyThenNewest);
      for (const { Key = "", VersionId = "", Size = 0, isMarker } of items) {
        yield { path: Key.slice(root.length), version: VersionId, sizeBytes: Size, isMarker };
      }
    }
  }

  const hasEvidence = async (folder: string): Promise<boolean> => {
    for await (const { path } of originals(folder)) if (isEvidencePath(path)) return true;
    return false;
  };

  return {
    remember,
    async find(path) {
      const found = known.get(path);
      if (found !== undefined) return found;
      for await (const original of originals(path)) {
        if (original.path > path) return null;
        if (original.path !== path) continue;
        remember(path, original.version);
        return original.version;
      }
      return null;
    },
    async *list(prefix) {
      for await (const { path, sizeBytes, version } of originals(prefix)) {
        remember(path, version);
        yield { path, sizeBytes };
      }
    },
    async *hiddenFolders(prefix, shown) {
      for await (const { CommonPrefixes = [] } of pages(prefix, { Delimiter: "/" })) {
        for (const { Prefix = "" } of CommonPrefixes) {
          const folder = Prefix.slice(root.length);
          const name = folder.slice(prefix.length, -1);
          if (!shown.has(name) && (await hasEvidence(folder))) yield name;
        }
      }
    },
  };
}

interface Listed {
  Key?: string | undefined;
  LastModified?: Date | undefined;
  isMarker: boolean;
}

/** The answer tells versions and delete markers apart, each in order: put together again. */
function byKeyThenNewest(a: Listed, b: Listed): number {
  const [keyA = "", keyB = ""] = [a.Key, b.Key];
  if (keyA !== keyB) return keyA < keyB ? -1 : 1;
  return (b.LastModified?.getTime() ?? 0) - (a.LastModified?.getTime() ?? 0);
}
