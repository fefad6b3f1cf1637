import { payloadKey } from "@runledger/contract";
import type { Objects } from "../objects/objects.ts";
import { type KeyRing, readRing, ringOf, unwrapDataKey } from "./key-ring.ts";
import type { RootSecrets } from "./root-secrets.ts";

/** Rings remembered by a reader: their keys serve the payloads of a month or of many runs. */
const MAX_RINGS = 64;
const MAX_DATA_KEYS = 10_000;

/** A `FindPayloadKey` that asks for no more than the data key's id. */
export type KeyReader = (ref: { key_id: string }, salt: Uint8Array) => Promise<Uint8Array | null>;

/**
 * Finds the keys of payloads: null for one whose data key is destroyed. It remembers what it has read and so does not notice a key that is
 * destroyed meanwhile: one for each piece of work, not one for ever.
 */
export function createKeyReader(objects: Objects, secrets: RootSecrets): KeyReader {
  const rings = new Map<string, Promise<KeyRing | null>>();
  const dataKeys = new Map<string, Uint8Array | null>();

  const ringNamed = (name: string): Promise<KeyRing | null> => {
    const ring = rings.get(name) ?? readRing(objects, name);
    rings.delete(name);
    rings.set(name, ring); // newest last
    ring.catch(() => rings.delete(name));
    const [oldest] = rings.keys();
    if (rings.size > MAX_RINGS && oldest !== undefined) rings.delete(oldest);
    return ring;
  };

  const dataKeyOf = async (keyId: string): Promise<Uint8Array | null> => {
    const known = dataKeys.get(keyId);
    if (known !== undefined) return known;
    const ring = await ringNamed(ringOf(keyId));
    const wrapped = ring?.keys.find(({ id }) => id === keyId);
    const dek = ring && wrapped ? unwrapDataKey(secrets, ring.wrappingKeyId, wrapped).dek : null;
    if (dataKeys.size >= MAX_DATA_KEYS) dataKeys.clear();
    dataKeys.set(keyId, dek);
    return dek;
  };
  return async ({ key_id }, salt) => {
    const dek = await dataKeyOf(key_id);
    return dek && payloadKey(dek, salt);
  };
}
