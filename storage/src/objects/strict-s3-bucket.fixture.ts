import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Answer, metadataOf, Refusal, text, xml } from "./strict-s3-answer.fixture.ts";
import { createStrictUploads } from "./strict-s3-uploads.fixture.ts";

export interface Version {
  id: string;
  /** Null: a delete marker. */
  bytes: Buffer | null;
  etag: string;
  time: Date;
  metadata: Record<string, string>;
  retainUntil: string | null;
}

export interface StrictBucketOptions {
  bucket: string;
  /** With Object Lock; the default. */
  versioned?: boolean;
  /** Of its clock, against this machine's. */
  clockOffsetMs?: number;
  /** What the credentials may not do, as a careful administrator sets it. */
  denies?: readonly ("delete-version" | "bypass-governance")[];
  /** What a bad store does not care for. */
  ignores?: readonly ("if-none-match" | "if-match" | "lock" | "credentials")[];
}

export interface StrictBucket {
  answer(request: IncomingMessage, url: URL, key: string, body: Buffer): Answer;
  /** All versions of a key, the newest first. */
  versionsOf(key: string): readonly Version[];
  /** Without any condition. */
  add(key: string, version: Pick<Version, "bytes" | "metadata" | "retainUntil">): Version;
}

/** A bucket in memory that takes conditions, checksums and locks literally. */
export function createStrictBucket({
  bucket,
  versioned = true,
  ignores = [],
  denies = [],
}: StrictBucketOptions): StrictBucket {
  const keys = new Map<string, Version[]>();
  const heeds = (condition: (typeof ignores)[number]) => !ignores.includes(condition);
  const current = (key: string): Version | null => keys.get(key)?.[0] ?? null;
  const add = (key: string, version: Omit<Version, "id" | "time" | "etag">): Version => {
    const etag = version.bytes === null ? "" : `"${createHash("md5").update(version.bytes).digest("hex")}"`;
    const added = { ...version, etag, id: randomUUID(), time: new Date() };
    keys.set(key, versioned ? [added, ...(keys.get(key) ?? [])] : [added]);
    return added;
  };

  const refuseUnmet = (key: string, headers: IncomingMessage["headers"]): void => {
    const present = current(key)?.bytes == null ? null : current(key);
    if (heeds("if-none-match") && headers["if-none-match"] === "*" && present !== null)
      throw new Refusal(412, "PreconditionFailed");
    if (headers["if-match"] !== undefined && present === null) throw new Refusal(404, "NoSuchKey");
    if (heeds("if-match") && headers["if-match"] !== undefined && headers["if-match"] !== present?.etag)
      throw new Refusal(412, "PreconditionFailed");
  };
  const put = (key: string, headers: IncomingMessage["headers"], bytes: Buffer): Answer => {
    refuseUnmet(key, headers);
    const checksum = headers["x-amz-checksum-sha256"];
    const isRight = checksum === createHash("sha256").update(bytes).digest("base64");
    if (checksum !== undefined && !isRight) throw new Refusal(400, "BadDigest");
    const retainUntil = text(headers["x-amz-object-lock-retain-until-date"]);
    if (retainUntil !== null && checksum === undefined) throw new Refusal(400, "InvalidRequest");
    return added(add(key, { bytes, metadata: metadataOf(headers), retainUntil }));
  };
  const added = ({ etag, id }: Version): Answer => ({
    status: 200,
    headers: { etag, ...(versioned ? { "x-amz-version-id": id } : {}) },
  });
  const uploads = createStrictUploads({
    complete: (key, headers, { bytes, metadata, retainUntil }) => {
      refuseUnmet(key, headers);
      return added(add(key, { bytes, metadata, retainUntil }));
    },
  });
  const remove = (key: string, versionId: string | null): Answer => {
    const found = keys.get(key)?.find(({ id }) => id === versionId);
    if (heeds("lock") && found?.retainUntil != null && new Date(found.retainUntil) > new Date())
      throw new Refusal(403, "AccessDenied");
    if (versionId !== null) keys.set(key, keys.get(key)?.filter((version) => version !== found) ?? []);
    else if (versioned) add(key, { bytes: null, metadata: {}, retainUntil: null });
    else keys.delete(key);
    return { status: 204 };
  };
  const ofBucket = (method: string | undefined, query: URLSearchParams): Answer => {
    if (method === "HEAD") return { status: 200 };
    if (query.has("versioning"))
      return xml(`<VersioningConfiguration>${versioned ? "<Status>Enabled</Status>" : ""}</VersioningConfiguration>`);
    if (query.has("object-lock")) {
      if (!versioned) throw new Refusal(404, "ObjectLockConfigurationNotFoundError");
      return xml("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>");
    }
    if (query.has("policyStatus")) throw new Refusal(404, "NoSuchBucketPolicy");
    return query.has("versions") ? listVersions(keys, query) : list(keys, query);
  };
  const answer = (request: IncomingMessage, url: URL, key: string, body: Buffer): Answer => {
    const { headers, method } = request;
    if (heeds("credentials") && !headers.authorization?.startsWith("AWS4-HMAC-SHA256 "))
      throw new Refusal(403, "AccessDenied");
    if (!url.pathname.startsWith(`/${bucket}`)) throw new Refusal(404, "NoSuchBucket");
    const versionId = url.searchParams.get("versionId");
    if (key === "") return ofBucket(method, url.searchParams);
    const part = uploads.answer(request, url, key, body);
    if (part !== null) return part;
    if (method === "PUT") return put(key, headers, body);
    if (method === "DELETE" && versionId !== null && denies.includes("delete-version"))
      throw new Refusal(403, "AccessDenied");
    const bypasses = headers["x-amz-bypass-governance-retention"] === "true";
    if (method === "DELETE" && bypasses && denies.includes("bypass-governance")) throw new Refusal(403, "AccessDenied");
    if (method === "DELETE") return remove(key, versionId);
    return read(keys.get(key) ?? [], versionId, headers.range);
  };
  return { answer, add, versionsOf: (key) => keys.get(key) ?? [] };
}

function read(versions: readonly Version[], versionId: string | null, range: string | undefined): Answer {
  const version = versions.find(({ id }) => versionId === null || id === versionId);
  if (version?.bytes == null) {
    throw new Refusal(404, "NoSuchKey", version === undefined ? {} : { "x-amz-delete-marker": "true" });
  }
  const headers = { etag: version.etag, ...version.metadata };
  if (range === undefined) return { status: 200, headers, body: version.bytes };
  const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  if (Number(from) >= version.bytes.length) throw new Refusal(416, "InvalidRange");
  const end = to === "" ? version.bytes.length : Number(to) + 1;
  return { status: 206, headers, body: version.bytes.subarray(Number(from), end) };
}

function list(keys: ReadonlyMap<string, Version[]>, query: URLSearchParams): Answer {
  const [prefix, size] = [query.get("prefix") ?? "", Number(query.get("max-keys") ?? 3)];
  const after = query.get("continuation-token") ?? "";
  const present = [...keys].filter(([key, [newest]]) => key.startsWith(prefix) && newest?.bytes != null);
  if (query.get("delimiter") === "/")
    return listFolders(
      present.map(([key]) => key.slice(prefix.length)),
      query,
    );
  const found = present.filter(([key]) => key > after);
  const page = found.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, size);
  const items = page.map(
    ([key, [newest]]) => `<Contents><Key>${key}</Key><Size>${newest?.bytes?.length}</Size></Contents>`,
  );
  const more = found.length > size;
  const next = more ? `<NextContinuationToken>${page.at(-1)?.[0]}</NextContinuationToken>` : "";
  return xml(`<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${items.join("")}</ListBucketResult>`);
}

/** Also of keys whose newest version is a delete marker. One a page. */
function listVersionFolders(keys: ReadonlyMap<string, Version[]>, query: URLSearchParams, prefix: string): Answer {
  const after = query.get("key-marker") ?? "";
  const folders = [...keys.keys()].flatMap((key) => {
    const end = key.indexOf("/", prefix.length);
    return key.startsWith(prefix) && end >= 0 ? [key.slice(0, end + 1)] : [];
  });
  const [first, ...rest] = [...new Set(folders)].sort().filter((folder) => folder > after);
  const more = rest.length > 0;
  const found = first === undefined ? "" : `<CommonPrefixes><Prefix>${first}</Prefix></CommonPrefixes>`;
  const next = more ? `<NextKeyMarker>${first}</NextKeyMarker>` : "";
  return xml(`<ListVersionsResult><IsTruncated>${more}</IsTruncated>${next}${found}</ListVersionsResult>`);
}

/** Common prefixes alone: nobody asks for the objects beside them. */
function listFolders(below: readonly string[], query: URLSearchParams): Answer {
  const after = query.get("continuation-token") ?? "";
  const names = [...new Set(below.filter((key) => key.includes("/")).map((key) => key.slice(0, key.indexOf("/") + 1)))];
  const found = names.sort().filter((name) => name > after);
  const items = found.slice(0, 1).map((name) => `<Prefix>${query.get("prefix") ?? ""}${name}</Prefix>`);
  const next = found.length > 1 ? `<NextContinuationToken>${found[0]}</NextContinuationToken>` : "";
  const prefixes = items.map((item) => `<CommonPrefixes>${item}</CommonPrefixes>`).join("");
  return xml(`<ListBucketResult><IsTruncated>${found.length > 1}</IsTruncated>${next}${prefixes}</ListBucketResult>`);
}

function listVersions(keys: ReadonlyMap<string, Version[]>, query: URLSearchParams): Answer {
  const [prefix, size] = [query.get("prefix") ?? "", Number(query.get("max-keys") ?? 3)];
  if (query.get("delimiter") === "/") return listVersionFolders(keys, query, prefix);
  const all = [...keys]
    .filter(([key]) => key.startsWith(prefix))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, versions]) => versions.map((version) => ({ key, version })));
  const [key, id] = [query.get("key-marker"), query.get("version-id-marker")];
  const start = key === null ? 0 : all.findIndex((item) => item.key === key && item.version.id === id) + 1;
  const page = all.slice(start, start + size);
  const items = page.map(({ key: name, version }) => {
    const facts = `<Key>${name}</Key><VersionId>${version.id}</VersionId><LastModified>${version.time.toISOString()}</LastModified>`;
    return version.bytes === null
      ? `<DeleteMarker>${facts}</DeleteMarker>`
      : `<Version>${facts}<Size>${version.bytes.length}</Size></Version>`;
  });
  const last = page.at(-1);
  const more = start + size < all.length && last !== undefined;
  const next = more
    ? `<NextKeyMarker>${last.key}</NextKeyMarker><NextVersionIdMarker>${last.version.id}</NextVersionIdMarker>`
    : "";
  return xml(`<ListVersionsResult><IsTruncated>${more}</IsTruncated>${next}${items.join("")}</ListVersionsResult>`);
}
