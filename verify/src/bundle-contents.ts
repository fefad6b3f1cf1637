import {
  createContentCheck,
  type Findings,
  LogError,
  payloadId,
  type ReadPayload,
  type RunledgerRecord,
  SEAL_BYTES,
} from "@runledger/contract";
import { createPayloadStore, type PayloadStore } from "./payload-store.ts";

/** What records and contents state of contents: sizes, texts that differences make up, numbers of messages. */
export interface BundleContents {
  /** A plaintext that its line's hash or commitment fits. */
  add(id: string, plaintext: Buffer): Promise<void>;
  /** Of a record whose payloads, with all that they go on from, were added, as far as the bundle has them. */
  check(record: RunledgerRecord): Promise<void>;
  close(): Promise<void>;
}

export function createBundleContents(findings: Findings): BundleContents {
  const store = createPayloadStore();
  const contents = createContentCheck(readFrom(store));
  return {
    add: store.add,
    async check(record) {
      for (const [name, ref] of Object.entries(record.payloads)) {
        if (!store.has(payloadId(ref))) continue; // missing, erased or not what it must be, which is told
        try {
          await contents.check(record, name, ref);
        } catch (error) {
          if (!(error instanceof LogError)) throw error;
          const verdict = error.code === "missing" ? "INCOMPLETE" : "TAMPERED";
          findings.add(verdict, `record ${record.record_id}, payload ${name}`, error.message);
        }
      }
    },
    close: store.close,
  };
}

/** Checks what a reference says of sizes. How large deflated bytes are sealed can't be told from a plaintext. */
function readFrom(store: PayloadStore): ReadPayload {
  return async (ref) => {
    const { sha256, size_bytes, key_id, inflated_bytes } = ref;
    const plaintext = await store.read(payloadId(ref));
    if (plaintext === null)
      throw new LogError("missing", `the payload ${sha256}, which it goes on from, is not here to be looked at`);
    const size = inflated_bytes ?? (key_id === undefined ? size_bytes : size_bytes - SEAL_BYTES);
    if (plaintext.length !== size)
      throw new LogError("mismatch", `the payload ${sha256} does not have the size that its reference says`);
    return plaintext;
  };
}
