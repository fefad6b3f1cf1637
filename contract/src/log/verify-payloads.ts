import crypto from "node:crypto";
import { createPayloadReader, type FindPayloadKey, isSealed, type ReadPack } from "../record/payload-reading.ts";
import type { RunledgerRecord } from "../record/record.ts";
import { createContentCheck } from "./content-check.ts";
import { createDestroyedKeys, type DestroyedKeys } from "./destroyed-keys.ts";
import { LogError } from "./log-error.ts";
import { createUnopenedPayloads, type SealedPayloads } from "./unopened-payloads.ts";
import type { Findings } from "./verification.ts";

/** A whole pack by its name, or null. */
export type ReadWholePack = (packSha256: string) => Promise<Uint8Array | null>;

/**
 * Checks what records point to: packs hash to their names, payloads to their references, plaintexts to their commitments, and `createContentCheck`. Of a sealed payload whose key is not at hand the stored bytes are checked.
 */
export interface PayloadCheck {
  /** In order of the log. */
  check(record: RunledgerRecord, logIndex: number): Promise<void>;
  /** After the last record: which could not be opened, and why. */
  finish(): SealedPayloads;
  readonly checked: number;
}

/** At 8 MiB a pack. Records of a run point into a few packs, those of other runs into the same. */
const MAX_PACKS = 8;
const MAX_REMEMBERED = 100_000;

export function createPayloadCheck(
  readWholePack: ReadWholePack,
  findings: Findings,
  findKey?: FindPayloadKey,
  elsewhere?: Pick<DestroyedKeys, "of" | "isExpired">,
): PayloadCheck {
  const unopened = createUnopenedPayloads(findKey !== undefined);
  const destroyed = createDestroyedKeys();
  const packs = new Map<string, Promise<Uint8Array | null>>();
  const badPacks = new Set<string>();
  let checked = 0;

  const load = async (pack: string): Promise<Uint8Array | null> => {
    const bytes = await readWholePack(pack);
    if (bytes !== null && !badPacks.has(pack) && crypto.hash("sha256", bytes, "hex") !== pack) {
      remember(badPacks, pack);
      findings.add("TAMPERED", `pack ${pack}`, "its bytes do not hash to its name");
    }
    return bytes;
  };
  const readPack: ReadPack = async (pack, offset, length) => {
    const cached = packs.get(pack);
    const whole = cached ?? load(pack);
    packs.delete(pack);
    packs.set(pack, whole);
    const [oldest] = packs.keys();
    if (packs.size > MAX_PACKS && oldest !== undefined) packs.delete(oldest);
    return (await whole)?.subarray(offset, offset + length) ?? null;
  };

  const contents = createContentCheck(createPayloadReader(readPack, findKey));

  return {
    check: async (record, logIndex) => {
      destroyed.note(record, logIndex);
      for (const [name, ref] of Object.entries(record.payloads)) {
        const where = `entry ${logIndex}, payload ${name}`;
        checked++;
        await contents.check(record, name, ref).then(
          () => unopened.opened(ref),
          (error) => {
            if (!(error instanceof LogError)) throw error;
            const isMissing = error.code === "missing";
            if (error.code === "sealed" || (isMissing && isSealed(ref))) unopened.add(ref, where, error);
            else findings.add(isMissing ? "INCOMPLETE" : "TAMPERED", where, error.message);
          },
        );
      }
    },
    finish: () => unopened.finish(destroyed, findings, elsewhere),
    get checked() {
      return checked;
    },
  };
}

function remember(set: Set<string>, value: string): void {
  if (set.size < MAX_REMEMBERED) set.add(value);
}
