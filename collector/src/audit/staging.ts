import { hash } from "node:crypto";
import {
  decodeEntryBundle,
  encodeEntryBundle,
  type Hash,
  LogError,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  signNote,
} from "@runledger/contract";

/** A batch that is on its way into the log: which tree it extends, its entries, and the journal position after it. */
export interface StagedBatch {
  treeSize: number;
  root: Hash;
  entries: readonly Uint8Array[];
  nextSeq: number;
}

/** Signed under a name of its own, with a first line that no checkpoint has: neither can stand for the other. */
export const STAGING_PURPOSE = "staging";
const HEADER = "runledger staging v1";
const LENGTH_BYTES = 4;

/** The staged object: a note's length (uint32, big-endian), the note, and the entries in the form of a bundle. */
export function encodeStagedBatch({ treeSize, root, entries, nextSeq }: StagedBatch, signer: NoteSigner): Uint8Array {
  const bundle = encodeEntryBundle(entries);
  const note = signNote(noteTextOf(treeSize, root, entries.length, nextSeq, bundle), [signer]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(note.length);
  return Buffer.concat([length, note, bundle]);
}

/** @throws LogError when the object is not, to the byte, what the log's key signed. */
export function decodeStagedBatch(bytes: Uint8Array, verifier: NoteVerifier): StagedBatch {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const noteEnd = LENGTH_BYTES + (all.length < LENGTH_BYTES ? 0 : all.readUInt32BE(0));
  const { text } = openNote(all.subarray(LENGTH_BYTES, noteEnd), [verifier]);
  const bundle = all.subarray(noteEnd);
  const [header, treeSize, root = "", , nextSeq] = text.split("\n");
  const entries = decodeEntryBundle(bundle);
  const batch = { treeSize: Number(treeSize), root: Buffer.from(root, "base64"), entries, nextSeq: Number(nextSeq) };
  if (header !== HEADER || noteTextOf(batch.treeSize, batch.root, entries.length, batch.nextSeq, bundle) !== text) {
    throw new LogError("mismatch", "the staged batch is not what was signed");
  }
  return batch;
}

function noteTextOf(treeSize: number, root: Hash, count: number, nextSeq: number, bundle: Uint8Array): string {
  const rootText = Buffer.from(root).toString("base64");
  return `${HEADER}\n${treeSize}\n${rootText}\n${count}\n${nextSeq}\n${hash("sha256", bundle, "base64")}\n`;
}
