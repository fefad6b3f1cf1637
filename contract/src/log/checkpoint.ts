import { LogError } from "./log-error.ts";
import { HASH_BYTES, type Hash } from "./merkle.ts";
import { type NoteSigner, type NoteVerifier, noteText, openNote, signNote } from "./signed-note.ts";

/** The head of a log: https://c2sp.org/tlog-checkpoint. */
export interface Checkpoint {
  /** The log's name, and the name of the key that signs. */
  origin: string;
  /** Number of entries. */
  size: number;
  root: Hash;
}

/** What a log is called: the last part of its origin, which its key signs. Runledger puts the shard there (`runledger.local/…/0`). */
export function logName(origin: string): string {
  return origin.slice(origin.lastIndexOf("/") + 1);
}

/** The signed checkpoint of a tree; the log's name is the signer's. */
export function signCheckpoint(size: number, root: Hash, signer: NoteSigner): Uint8Array {
  return signNote(`${signer.name}\n${size}\n${Buffer.from(root).toString("base64")}\n`, [signer]);
}

/**
 * The checkpoint of a note signed by a known key of the log's own name.
 * @throws LogError as `openNote`; `untrusted` when the signing key belongs to another log.
 */
export function openCheckpoint(
  note: Uint8Array,
  verifiers: readonly NoteVerifier[],
): Checkpoint & { signedBy: string[] } {
  const { text, signedBy } = openNote(note, verifiers);
  const checkpoint = parseCheckpointText(text);
  // The key name is not part of what is signed: without this, one key's note could pass for another log's head.
  if (!signedBy.includes(checkpoint.origin)) {
    throw new LogError("untrusted", `the checkpoint of ${checkpoint.origin} is signed by ${signedBy.join(", ")} only`);
  }
  return { ...checkpoint, signedBy };
}

/** A checkpoint whose signature nobody looked at. @throws LogError `malformed`. */
export function unverifiedCheckpoint(note: Uint8Array): Checkpoint {
  return parseCheckpointText(noteText(note));
}

function parseCheckpointText(text: string): Checkpoint {
  const [origin = "", sizeText = "", rootText = "", ...extensions] = text.slice(0, -1).split("\n");
  const size = Number(sizeText);
  const root = Buffer.from(rootText, "base64");
  const wellFormed =
    origin !== "" &&
    /^(0|[1-9]\d{0,15})$/.test(sizeText) &&
    Number.isSafeInteger(size) &&
    root.length === HASH_BYTES &&
    root.toString("base64") === rootText &&
    extensions.every((line) => line !== "");
  if (!wellFormed) throw new LogError("malformed", "not a checkpoint: origin, size and root hash are expected");
  return { origin, size, root };
}
