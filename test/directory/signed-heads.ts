import { generateKeyPairSync } from "node:crypto";
import {
  byUtf8,
  COSIGNATURE_V1,
  createCosigner,
  type DirectoryEntry,
  formatDirectoryEntry,
  formatVerifierKey,
  headsHash,
  leafHash,
  type NoteSigner,
  signNote,
} from "@runledger/contract";
import { pathTo, rootOf } from "../tamper/agree-sample.ts";
import type { SampleDirectory } from "./sample-directory.ts";

/** What who holds a directory's key, and has a witness's ear, can put into `anchors.json`. */
export interface HeadSigner {
  /** Under whose quorum a cosigned head is. */
  policy: string;
  cosigner: NoteSigner;
  /** An entry of a checkpoint, which says of all logs what the last under a head must. */
  entry(shard: string, checkpoint: string, all: Record<string, number>, more?: Partial<DirectoryEntry>): DirectoryEntry;
  /** Over these entries, of which those at some indexes are shown. */
  head(entries: readonly DirectoryEntry[], more?: HeadFlags): SignedHead;
}

interface HeadFlags {
  shown?: readonly number[];
  cosigned?: boolean;
  origin?: string;
  signer?: NoteSigner;
}

export interface SignedHead {
  checkpoint: string;
  recorded: { entry: string; index: number; proof: string[] }[];
  timestamp: string | null;
}

export async function createHeadSigner({ key }: SampleDirectory): Promise<HeadSigner> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const cosigner = createCosigner("w.example", privateKey, () => Date.UTC(2026, 0, 1) / 1000);
  return {
    cosigner,
    policy: `witness w ${formatVerifierKey("w.example", privateKey, COSIGNATURE_V1)}\nquorum w\n`,
    entry(shard, checkpoint, all, more = {}) {
      const shards = Object.keys(all);
      const told = { shards, heads_sha256: headsHash(Object.entries(all)) };
      return { shard, checkpoint, recorded_time: "2026-01-01T00:00:00.000Z", ...told, ...more };
    },
    head(entries, { shown = [...entries.keys()], cosigned = false, signer = key.signer, origin = key.origin } = {}) {
      const texts = entries.map((entry) => Buffer.from(formatDirectoryEntry(entry)));
      const leaves = texts.map((text) => Buffer.from(leafHash(text)));
      const text = `${origin}\n${leaves.length}\n${rootOf(leaves).toString("base64")}\n`;
      const recorded = shown
        .toSorted((a, b) => byUtf8(entries[a]?.shard ?? "", entries[b]?.shard ?? ""))
        .map((index) => ({
          entry: String(texts[index]),
          index,
          proof: pathTo(index, leaves).map((hash) => hash.toString("base64")),
        }));
      const note = signNote(text, cosigned ? [signer, cosigner] : [signer]);
      return { checkpoint: Buffer.from(note).toString(), recorded, timestamp: null };
    },
  };
}
