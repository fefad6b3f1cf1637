import {
  byUtf8,
  consistencyProof,
  type DirectoryAnchor,
  type DirectoryEntry,
  formatDirectoryAnchors,
  type Hash,
  inclusionProof,
  MAX_ANCHORS_BYTES,
} from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { shardsOf } from "../audit/shards-of.ts";
import { QueryApiError } from "../error.ts";
import type { DirectoryHeads } from "./choose-logs.ts";
import { directoryReader, newestRecorded, newestStamped, type Recorded, sizeOf } from "./directory-reading.ts";
import type { ExportLog } from "./export-log.ts";

type AnchorObjects = Pick<Objects, "read" | "folders" | "list">;

/**
 * `anchors.json`: the directory's cosigned head (else its newest), the newest head with a time stamp, and the newest of all, where that is none of
 * them. Null where no directory recorded any of the logs.
 */
export async function anchorsOf(
  objects: AnchorObjects,
  logs: readonly ExportLog[],
  { cosigned, newest }: DirectoryHeads,
): Promise<string | null> {
  const first = cosigned ?? newest;
  if (first === null) return null;
  const limit = Math.max(sizeOf(first), newest === null ? 0 : sizeOf(newest));
  const stamped = await newestStamped(objects, limit);
  const wanted: { note: Uint8Array; token: Uint8Array | null }[] = [{ note: first, token: null }];
  if (stamped !== null) wanted.push(stamped);
  if (newest !== null && wanted.every(({ note }) => sizeOf(note) < sizeOf(newest)))
    wanted.push({ note: newest, token: null });
  const heads: DirectoryAnchor[] = [];
  for (const { note, token } of wanted) {
    const anchor = await anchorAt(objects, logs, note, token);
    if (anchor !== null) heads.push(anchor);
  }
  if (heads.length === 0) return null;
  const anchors = formatDirectoryAnchors(heads);
  if (Buffer.byteLength(anchors) <= MAX_ANCHORS_BYTES) return anchors;
  const what = `the directory knows so many logs that what it says of them is longer than the ${MAX_ANCHORS_BYTES} bytes that a bundle may have of it`;
  throw new QueryApiError("conflict", what, {
    hint: "give collectors names that last (RUNLEDGER_SHARD), so that logs go on instead of new ones beginning",
  });
}

async function anchorAt(
  objects: AnchorObjects,
  logs: readonly ExportLog[],
  note: Uint8Array,
  token: Uint8Array | null,
): Promise<DirectoryAnchor | null> {
  const found = await newestRecorded(objects, note, await shardsOf(objects));
  const proofs: { consistency: string[]; shard: string }[] = [];
  for (const log of logs) {
    const own = found.get(log.shard);
    if (own !== undefined)
      proofs.push({ consistency: (await consistencyWith(own.entry, log)).map(base64), shard: log.shard });
  }
  const [only] = proofs;
  if (only === undefined) return null;
  const recorded = [];
  for (const name of [...found.keys()].sort(byUtf8)) {
    const { index, bytes } = found.get(name) as Recorded;
    const proof = (await inclusionProof(directoryReader(objects), index, sizeOf(note))).map(base64);
    recorded.push({ entry: Buffer.from(bytes).toString(), index, proof });
  }
  const head = {
    checkpoint: Buffer.from(note).toString(),
    recorded,
    timestamp: token === null ? null : base64(token),
  };
  return logs.length === 1 ? { ...head, consistency: only.consistency } : { ...head, logs: proofs };
}

async function consistencyWith(recorded: DirectoryEntry, { read, checkpoint }: ExportLog): Promise<Hash[]> {
  const sizes = [sizeOf(Buffer.from(recorded.checkpoint)), checkpoint.size];
  return await consistencyProof(read, Math.min(...sizes), Math.max(...sizes));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
