import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { DATA_KEY_BYTES, keyRingPath, type PayloadSubject } from "@runledger/contract";
import { z } from "zod";
import { StorageError } from "../error.ts";
import { parseJsonObject, uniqueJson } from "../objects/json-object.ts";
import type { Objects, ObjectVersion } from "../objects/objects.ts";
import { unwrapUnder, wrapUnder } from "./master-key.ts";
import type { RootSecrets } from "./root-secrets.ts";

/** A data key as it is stored: only who has the root's secrets can use it, or tell whose it is. */
export interface WrappedKey {
  /** 32 hex digits, the first eight of which name its ring. */
  id: string;
  /** The subject's pseudonym. */
  subject: string;
  wrapped: string;
}

/** Some hundreds of data keys in one object. All keys of a ring are of one month. */
export interface KeyRing {
  ring: string;
  wrappingKeyId: string;
  keys: readonly WrappedKey[];
  /** Null: not stored yet. */
  version: ObjectVersion | null;
}

export interface DataKey {
  keyId: string;
  /** 32 bytes. */
  dek: Uint8Array;
}

/** Rewritten whole for each new key: some 50 kB at most. */
export const MAX_RING_KEYS = 256;
const MONTH_DIGITS = 3;
const SEQUENCE_DIGITS = 5;
export const RING_DIGITS = MONTH_DIGITS + SEQUENCE_DIGITS;
const KEY_RANDOM_BYTES = 12;
const DAY_MS = 86_400_000;
/** Keys are destroyed so long after their contents are over, at most, by a Runledger that runs. */
export const EXPIRY_DAYS = 2;
const PSEUDONYM_DIGITS = 32;

const document = z.strictObject({
  v: z.literal(1),
  wrapping_key: z.string(),
  keys: z.array(z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/), subject: z.string(), wrapped: z.base64() })),
});

/** The ids of all keys of a month begin with this: three hex digits, months since 1970. `time`: RFC 3339, UTC. */
export function monthPrefix(time: string): string {
  const months = (Number(time.slice(0, 4)) - 1970) * 12 + Number(time.slice(5, 7)) - 1;
  if (!Number.isInteger(months) || months < 0 || months >= 16 ** MONTH_DIGITS)
    throw new StorageError("rejected", `there are no data keys for the time ${time}`);
  return months.toString(16).padStart(MONTH_DIGITS, "0");
}

/** Milliseconds since 1970 at which the month of a key's or ring's id is over. */
export function monthEndMs(prefix: string): number {
  const months = Number.parseInt(prefix.slice(0, MONTH_DIGITS), 16) + 1;
  return Date.UTC(1970 + Math.floor(months / 12), months % 12);
}

/** When the contents of a key's month are over, epoch ms: so many days after the month's end. */
export function contentEndMs(prefix: string, retentionDays: number): number {
  return monthEndMs(prefix) + retentionDays * DAY_MS;
}

/** Until when what is sealed in a month is locked, epoch ms: its keys open it until then. */
export function contentLockEndMs(prefix: string, retentionDays: number): number {
  return contentEndMs(prefix, retentionDays) + EXPIRY_DAYS * DAY_MS;
}

export function ringName(month: string, sequence: number): string {
  return `${month}${sequence.toString(16).padStart(SEQUENCE_DIGITS, "0")}`;
}

export function sequenceOf(ring: string): number {
  return Number.parseInt(ring.slice(MONTH_DIGITS), 16);
}

/** The ring that has, or had, the key. */
export function ringOf(keyId: string): string {
  return keyId.slice(0, RING_DIGITS);
}

/** Stands for a subject where its name must not: nobody without the index key can tell whose it is, or guess and compare. */
export function pseudonymOf({ indexKey }: RootSecrets, subject: PayloadSubject): string {
  return createHmac("sha256", createSecretKey(indexKey)) // bytes as key take Node several times as long
    .update("runledger subject v1\0")
    .update(subject)
    .digest("hex")
    .slice(0, PSEUDONYM_DIGITS);
}

export function newDataKey(
  secrets: RootSecrets,
  ring: string,
  subject: string,
): { stored: WrappedKey; dataKey: DataKey } {
  const keyId = `${ring}${randomBytes(KEY_RANDOM_BYTES).toString("hex")}`;
  const dek = randomBytes(DATA_KEY_BYTES);
  return { stored: wrapDataKey(secrets, { keyId, dek }, subject), dataKey: { keyId, dek } };
}

export function wrapDataKey(secrets: RootSecrets, { keyId, dek }: DataKey, subject: string): WrappedKey {
  const wrapped = wrapUnder(keyNamed(secrets, secrets.currentId), dek, contextOf(keyId, subject));
  return { id: keyId, subject, wrapped: Buffer.from(wrapped).toString("base64") };
}

/** @throws StorageError `damaged` when it was wrapped for another id or subject, or was changed. */
export function unwrapDataKey(secrets: RootSecrets, wrappingKeyId: string, key: WrappedKey): DataKey {
  const wrapped = Buffer.from(key.wrapped, "base64");
  const dek = unwrapUnder(keyNamed(secrets, wrappingKeyId), wrapped, contextOf(key.id, key.subject));
  return { keyId: key.id, dek };
}

/** Null when there is no such ring. */
export async function readRing(objects: Objects, ring: string): Promise<KeyRing | null> {
  const found = await objects.readVersioned(keyRingPath(ring));
  if (found === null) return null;
  const { wrapping_key, keys } = parseJsonObject(keyRingPath(ring), found.bytes, document);
  return { ring, wrappingKeyId: wrapping_key, keys, version: found.version };
}

/**
 * Durable when it resolves with its version. A ring that lost a key may say what it said before it had it, so it is written in bytes of its own.
 * @throws StorageError `conflict` when the stored one is another than was read.
 */
export async function writeRing(
  objects: Objects,
  ring: KeyRing,
  bytesOf: (document: unknown) => Uint8Array = uniqueJson,
): Promise<ObjectVersion> {
  const { wrappingKeyId: wrapping_key, keys, version } = ring;
  const bytes = bytesOf({ v: 1, wrapping_key, keys: [...keys] } satisfies z.input<typeof document>);
  return await objects.compareAndSet(keyRingPath(ring.ring), bytes, version);
}

const RINGS_PREFIX = keyRingPath("").replace(/\.json$/, "");

/** The names of all rings whose name begins so, ascending. */
export async function listRings(objects: Objects, prefix = ""): Promise<string[]> {
  const rings: string[] = [];
  for await (const { path } of objects.list(`${RINGS_PREFIX}${prefix}`))
    rings.push(path.slice(RINGS_PREFIX.length, -5));
  return rings;
}

/** The bytes of each month's rings, empty ones too, in the order of months. */
export async function monthSizes(objects: Objects): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { path, sizeBytes } of objects.list(RINGS_PREFIX)) {
    const month = path.slice(RINGS_PREFIX.length, RINGS_PREFIX.length + MONTH_DIGITS);
    sizes.set(month, (sizes.get(month) ?? 0) + sizeBytes);
  }
  return sizes;
}

function keyNamed(secrets: RootSecrets, id: string): Uint8Array {
  const key = secrets.wrappingKeys.get(id);
  if (key !== undefined) return key;
  throw new StorageError(
    "damaged",
    `data keys are wrapped under ${id}, which the key root does not have; if the master key was rotated meanwhile, start again with the new one`,
  );
}

function contextOf(keyId: string, subject: string): string {
  return `runledger data key v1\0${keyId}\0${subject}`;
}
