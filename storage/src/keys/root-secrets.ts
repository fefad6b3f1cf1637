import { randomBytes } from "node:crypto";
import { KEY_ROOT_PATH } from "@runledger/contract";
import { z } from "zod";
import { StorageError } from "../error.ts";
import { parseJsonObject, uniqueJson } from "../objects/json-object.ts";
import type { Objects, ObjectVersion } from "../objects/objects.ts";
import type { MasterKey } from "./master-key.ts";

/** What the master key wraps. */
export interface RootSecrets {
  /** Under it subjects have their pseudonyms. Never changes: pseudonyms are in the log. */
  indexKey: Uint8Array;
  /** Wrap the data keys, by their ids: one, or two while a rotation is under way. */
  wrappingKeys: ReadonlyMap<string, Uint8Array>;
  /** Of the one that new data keys are wrapped under. */
  currentId: string;
}

export interface StoredRoot {
  secrets: RootSecrets;
  /** The master keys that it is wrapped by. */
  masterIds: string[];
  version: ObjectVersion;
}

const CONTEXT = "runledger key root v1";
const KEY_BYTES = 32;

const document = z.strictObject({
  v: z.literal(1),
  wrapped: z.array(z.strictObject({ master_id: z.string(), secrets: z.base64() })).min(1),
});
const secretsJson = z.strictObject({
  index_key: z.base64(),
  wrapping_keys: z.record(z.string(), z.base64()),
  current: z.string(),
});

/** Null when there is none. @throws StorageError `rejected` when no master key at hand opens it. */
export async function readRoot(objects: Objects, masters: readonly MasterKey[]): Promise<StoredRoot | null> {
  const found = await objects.readVersioned(KEY_ROOT_PATH);
  if (found === null) return null;
  const { wrapped } = parseJsonObject(KEY_ROOT_PATH, found.bytes, document);
  const masterIds = wrapped.map(({ master_id }) => master_id);
  for (const { master_id, secrets } of wrapped) {
    const master = masters.find(({ id }) => id === master_id);
    if (master === undefined) continue;
    const opened = await master.unwrap(Buffer.from(secrets, "base64"), CONTEXT);
    return { secrets: parseSecrets(opened), masterIds, version: found.version };
  }
  throw new StorageError(
    "rejected",
    `the payloads' keys are wrapped by the master key ${masterIds.join(" or ")}, which is not here (${
      masters.map(({ id }) => id).join(", ") || "none is"
    }). Restore keys/master.key or RUNLEDGER_MASTER_KEY (after a rotation, the new one); without it no stored content can be read`,
  );
}

/** Wrapped by each of `masters`. @throws StorageError `conflict` when another was faster. */
export async function writeRoot(
  objects: Objects,
  masters: readonly MasterKey[],
  { indexKey, wrappingKeys, currentId }: RootSecrets,
  expected: ObjectVersion | null,
): Promise<void> {
  const base64 = (key: Uint8Array) => Buffer.from(key).toString("base64");
  const secrets = Buffer.from(
    JSON.stringify({
      index_key: base64(indexKey),
      wrapping_keys: Object.fromEntries([...wrappingKeys].map(([id, key]) => [id, base64(key)])),
      current: currentId,
    } satisfies z.infer<typeof secretsJson>),
  );
  const wrapped = await Promise.all(
    masters.map(async (master) => ({ master_id: master.id, secrets: base64(await master.wrap(secrets, CONTEXT)) })),
  );
  await objects.compareAndSet(KEY_ROOT_PATH, uniqueJson({ v: 1, wrapped }), expected);
}

export function newSecrets(): RootSecrets {
  const { id, key } = newWrappingKey();
  return { indexKey: randomBytes(KEY_BYTES), wrappingKeys: new Map([[id, key]]), currentId: id };
}

export function newWrappingKey(): { id: string; key: Uint8Array } {
  return { id: randomBytes(8).toString("hex"), key: randomBytes(KEY_BYTES) };
}

function parseSecrets(bytes: Uint8Array): RootSecrets {
  const { index_key, wrapping_keys, current } = secretsJson.parse(JSON.parse(Buffer.from(bytes).toString()));
  const keys = Object.entries(wrapping_keys).map(([id, key]) => [id, Buffer.from(key, "base64")] as const);
  return { indexKey: Buffer.from(index_key, "base64"), wrappingKeys: new Map(keys), currentId: current };
}
