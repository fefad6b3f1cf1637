import { createReadStream, existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  BUNDLE_FILES,
  DIRECTORY,
  type FindPayloadKey,
  MAX_OBJECT_BYTES,
  type StoreToVerify,
  type StoreVerification,
  shardList,
  verifyStore,
} from "@runledger/contract";
import { PATIENCE_SECONDS, received } from "./answer.ts";
import type { BundleVerification } from "./bundle-verification.ts";
import { directoryFiles } from "./directory-files.ts";
import { createDirectoryStore, type Store } from "./directory-store.ts";
import { tarFiles } from "./tar-files.ts";
import type { Trust } from "./trust.ts";
import { verifyBundle } from "./verify-bundle.ts";

export interface TargetOptions {
  trust: Trust;
  /** The one log of a store that is looked at; without it all are. Of a bundle: others are not missed. */
  shard?: string;
  /** Sent to http(s) targets. */
  headers?: Record<string, string>;
  /** How long a server may take for 64 KiB, or for the rest of its answer; without it a minute. */
  patienceSeconds?: number;
  /** Opens the objects of a log; without it only directories are. */
  openStore?: OpenStore;
  /** `size` null: not known. */
  onProgress?: (entries: number, size: number | null) => void;
}

/**
 * `location`: `file:PATH` or `s3://…`. `dataDir`: what was named, if it is a directory. `findKey`: where keys of sealed payloads are at hand. `notes`: asked
 * for at the end, what the store has to tell beside the verdict.
 */
export type OpenStore = (
  location: string,
  dataDir: string | null,
) => Promise<{ store: Store; findKey?: FindPayloadKey | undefined; notes?: () => string[] }>;

export type Verification = StoreVerification | BundleVerification;

const SHARDS = "/v1/audit/shards";
const MAX_SHARD_LIST_BYTES = 1024 * 1024;
/** A pack by a slow line; what trickles for longer is no answer. */
const MAX_ANSWER_MS = 10 * 60_000;

/** What verify can't even begin with. */
export class UnreadableError extends Error {}

/**
 * Verifies a bundle (a file, a directory, the URL of a tar) or a log (a data directory, its `objects`, `s3://…`, the URL of a query API).
 * @throws UnreadableError, and LogError `malformed` for keys and checkpoints of the caller.
 */
export async function verifyTarget(target: string, options: TargetOptions): Promise<Verification> {
  if (/^https?:\/\//.test(target)) return await verifyUrl(target, options);
  if (target.startsWith("s3://")) {
    if (options.openStore === undefined)
      throw new UnreadableError("Buckets are read by `runledger verify`: this program has no client for S3.");
    return await verifyLogs(await options.openStore(target, null), options);
  }
  const path = resolve(target);
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new UnreadableError(`There is no ${path}.`);
  if (!status.isDirectory()) return await verifyTar(createReadStream(path), options);
  if (existsSync(join(path, BUNDLE_FILES.sums)) || existsSync(join(path, BUNDLE_FILES.manifest)))
    return await verifyFiles((findings) => directoryFiles(path, findings), options);
  const root = [join(path, "objects"), path].find((each) => existsSync(join(each, "log")));
  if (root !== undefined) {
    const opened = (await options.openStore?.(`file:${root}`, path)) ?? { store: createDirectoryStore(root) };
    return await verifyLogs(opened, options);
  }
  throw new UnreadableError(
    `There is no audit log and no bundle in ${path}: give a bundle, a data directory (log/ in its objects), or the URL of a query API.`,
  );
}

function verifyTar(input: AsyncIterable<Uint8Array>, options: TargetOptions): Promise<BundleVerification> {
  return verifyFiles(() => tarFiles(input), options);
}

function verifyFiles(
  openFiles: Parameters<typeof verifyBundle>[0],
  { trust, shard, onProgress }: TargetOptions,
): Promise<BundleVerification> {
  return verifyBundle(openFiles, trust, (entries) => onProgress?.(entries, null), shard ?? null);
}

/** The shards' logs of a store, and the directory of them. */
async function verifyLogs(
  { store, findKey, notes }: Awaited<ReturnType<OpenStore>>,
  options: TargetOptions,
): Promise<StoreVerification> {
  const shards = async () => (await store.folders("log/")).filter((name) => name !== DIRECTORY);
  const parts = { read: store.read, list: store.list, shards, ...(findKey && { findKey }) };
  const verification = await verifyAll(parts, options);
  return { ...verification, notes: [...verification.notes, ...(notes?.() ?? [])] };
}

function verifyAll(store: StoreToVerify, { trust, shard, onProgress }: TargetOptions): Promise<StoreVerification> {
  const { verifierKeys, witnessed, ...more } = trust;
  const { witnesses, quorum } = witnessed ?? { witnesses: [], quorum: null };
  const now = Math.floor(Date.now() / 1000);
  return verifyStore(
    store,
    { ...more, logs: [...verifierKeys], witnesses, quorum, now, ...(shard === undefined ? {} : { only: shard }) },
    onProgress,
  );
}

/** Over HTTP nothing can be listed, so what a log doesn't name isn't looked for. */
async function verifyUrl(target: string, options: TargetOptions): Promise<Verification> {
  const { patienceSeconds = PATIENCE_SECONDS } = options;
  // Whoever may read contents reads some of them with the log, which is on record with why.
  const headers = { "runledger-reason": "runledger verify", ...options.headers };
  if (/\.tar$|\/bundle$/.test(new URL(target).pathname)) return await verifyTarOf(target, options);
  const read = async (path: string): Promise<Uint8Array | null> => {
    const response = await reach(new URL(`/v1/audit/objects/${path}`, target).href, headers);
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`${path}: the query API answered ${response.status}`);
    return await bodyOf(response, { maxBytes: MAX_OBJECT_BYTES, patienceSeconds }, path);
  };
  const shards = async (): Promise<string[]> => {
    const response = await reach(new URL(SHARDS, target).href, headers);
    if (!response.ok) throw new Error(`${SHARDS}: the query API answered ${response.status}`);
    return shardsIn(await bodyOf(response, { maxBytes: MAX_SHARD_LIST_BYTES, patienceSeconds }, SHARDS));
  };
  return await verifyAll({ read, shards }, options);
}

async function verifyTarOf(target: string, options: TargetOptions): Promise<BundleVerification> {
  const stop = new AbortController();
  try {
    const { ok, status, body } = await reach(target, options.headers ?? {}, stop.signal);
    if (!ok || body === null) throw new UnreadableError(`${target} answered ${status}.`);
    return await verifyTar(received(body, options.patienceSeconds ?? PATIENCE_SECONDS), options);
  } finally {
    stop.abort(); // what a verdict did not need
  }
}

/** @throws Error for what no query API says. */
function shardsIn(list: Buffer): string[] {
  try {
    return shardList.parse(JSON.parse(list.toString())).shards;
  } catch (cause) {
    throw new Error(`${SHARDS}: the answer is no list of shards: is this the URL of a query API?`, { cause });
  }
}

/** @throws Error for an answer that has more, or that does not come to its end. */
async function bodyOf(
  { body }: Response,
  { maxBytes, patienceSeconds }: { maxBytes: number; patienceSeconds: number },
  what: string,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let left = maxBytes;
  const until = Date.now() + MAX_ANSWER_MS;
  try {
    for await (const part of body === null ? [] : received(body, patienceSeconds)) {
      left -= part.length;
      if (left < 0 || Date.now() > until)
        throw new Error(`the answer ${left < 0 ? "is larger than any such object" : "does not end"}`);
      parts.push(part);
    }
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  return Buffer.concat(parts);
}

async function reach(url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers, ...(signal && { signal }) });
  } catch (cause) {
    const { origin } = new URL(url);
    const why = cause instanceof Error ? cause.cause : null;
    const code = why instanceof Error && "code" in why ? String(why.code) : "";
    throw new UnreadableError(
      /CERT|SIGNATURE/.test(code)
        ? `No trusted connection to ${origin}: ${why instanceof Error ? why.message : code}. Name its CA: RUNLEDGER_CA_CERT=FILE.`
        : `Nothing answers at ${origin}.`,
      { cause },
    );
  }
}
