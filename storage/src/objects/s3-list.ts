import { ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { isEvidencePath } from "@runledger/contract";
import { checkedPath } from "./object-path.ts";
import type { StoredObject } from "./objects.ts";
import { s3Error } from "./s3-error.ts";
import type { S3Location } from "./s3-location.ts";
import type { Originals } from "./s3-originals.ts";

/** Both places' objects in one order; S3 lists in the order of the keys' bytes, which is that of our paths. */
export async function* listS3Objects(
  client: S3Client,
  location: S3Location,
  originals: Originals | null,
  prefix: string,
): AsyncGenerator<StoredObject> {
  const start = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (start !== "") checkedPath(start.slice(0, -1));
  const isOnePlace = location.bucket === location.mutable.bucket && location.prefix === location.mutable.prefix;
  const evidence = originals?.list(prefix) ?? listObjects(client, location, prefix);
  // With originals the versions' list shows everything of the place; else one list is enough for one place.
  if (isOnePlace && originals === null) return yield* evidence;
  yield* merged(
    filtered(evidence, isEvidencePath),
    filtered(listObjects(client, location.mutable, prefix), (path) => !isEvidencePath(path)),
  );
}

/** Names directly below a prefix, in both places; with `originals` also those that delete markers hide. */
export async function listS3Folders(
  client: S3Client,
  location: S3Location,
  originals: Originals | null,
  prefix: string,
): Promise<string[]> {
  checkedPath(prefix.slice(0, -1));
  const isOnePlace = location.bucket === location.mutable.bucket && location.prefix === location.mutable.prefix;
  const names = new Set<string>();
  for (const place of isOnePlace ? [location] : [location, location.mutable]) {
    for (let token: string | undefined; ; ) {
      const input = { Bucket: place.bucket, Prefix: place.prefix + prefix, Delimiter: "/", ContinuationToken: token };
      const page = await client.send(new ListObjectsV2Command(input)).catch((error: unknown) => {
        throw s3Error(prefix, error);
      });
      for (const { Prefix = "" } of page.CommonPrefixes ?? [])
        names.add(Prefix.slice(place.prefix.length + prefix.length, -1));
      token = page.NextContinuationToken;
      if (token === undefined) break;
    }
  }
  const hidden: string[] = [];
  for await (const name of originals?.hiddenFolders(prefix, names) ?? []) hidden.push(name);
  return [...names, ...hidden].sort();
}

async function* listObjects(
  client: S3Client,
  { bucket, prefix: root }: { bucket: string; prefix: string },
  prefix: string,
): AsyncGenerator<StoredObject> {
  for (let token: string | undefined; ; ) {
    const page = await client
      .send(new ListObjectsV2Command({ Bucket: bucket, Prefix: root + prefix, ContinuationToken: token }))
      .catch((error: unknown) => {
        throw s3Error(prefix, error);
      });
    for (const { Key = "", Size = 0 } of page.Contents ?? []) yield { path: Key.slice(root.length), sizeBytes: Size };
    token = page.NextContinuationToken;
    if (token === undefined) return;
  }
}

async function* filtered(items: AsyncIterable<StoredObject>, keep: (path: string) => boolean) {
  for await (const item of items) if (keep(item.path)) yield item;
}

async function* merged(a: AsyncGenerator<StoredObject>, b: AsyncGenerator<StoredObject>): AsyncGenerator<StoredObject> {
  let [left, right] = await Promise.all([a.next(), b.next()]);
  while (!left.done || !right.done) {
    if (right.done || (!left.done && left.value.path < right.value.path)) {
      if (!left.done) yield left.value;
      left = await a.next();
    } else {
      yield right.value;
      right = await b.next();
    }
  }
}
