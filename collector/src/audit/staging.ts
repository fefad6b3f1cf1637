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

/** A batch that is on its way into the log: which tree it extends, its entries, and the tree's root with them. */
export interface StagedBatch {
  treeSize: number;
  root: Hash;
  entries: readonly Uint8Array[];
  newRoot: Hash;
  /** Who staged it, for people: host and process. */
  writer: string;
}

/** Signed under a name of its own, with a first line that no checkpoint has: neither can stand for the other. */
export const STAGING_PURPOSE = "staging";
const HEADER = "runledger staging v2";
const LENGTH_BYTES = 4;

/** The staged object: a note's length (uint32, big-endian), the note, and the entries in the form of a bundle. */
export function encodeStagedBatch(batch: StagedBatch, signer: NoteSigner): Uint8Array {
  const note = signNote(noteTextOf(batch), [signer]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(note.length);
  return Buffer.concat([length, note, encodeEntryBundle(batch.entries)]);
}

/**
 * What the log's key signed, and entries that are yet to be compared with it: added to the tree they must give `newRoot`.
 * @throws LogError when the object is not in its form, or signed by another key.
 */
export function decodeStagedBatch(bytes: Uint8Array, verifier: NoteVerifier): StagedBatch {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const noteEnd = LENGTH_BYTES + (all.length < LENGTH_BYTES ? 0 : all.readUInt32BE(0));
  const { text } = openNote(all.subarray(LENGTH_BYTES, noteEnd), [verifier]);
  const [, treeSize, root = "", , newRoot = "", writer = ""] = text.split("\n");
  const batch = {
    treeSize: Number(treeSize),
    root: Buffer.from(root, "base64"),
    entries: decodeEntryBundle(all.subarray(noteEnd)),
    newRoot: Buffer.from(newRoot, "base64"),
    writer,
  };
  if (noteTextOf(batch) !== text) throw new LogError("mismatch", "the staged batch is not what was signed");
  return batch;
}

function noteTextOf({ treeSize, root, entries, newRoot, writer }: StagedBatch): string {
  return `${HEADER}\n${treeSize}\n${base64(root)}\n${entries.length}\n${base64(newRoot)}\n${writer}\n`;
}

function base64(hash: Hash): string {
  return Buffer.from(hash).toString("base64");
}
