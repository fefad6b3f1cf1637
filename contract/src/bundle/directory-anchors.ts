import { z } from "zod";
import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "../record/canonical-json.ts";
import { parseCanonicalLine } from "../record/parse-canonical-json.ts";

/** Some 5,000 shards. */
export const MAX_ANCHORS_BYTES = 16 * 1024 * 1024;

const count = z.number().int().nonnegative();
/** 32 bytes in base64, in its one spelling: the last digit has four bits of them. */
const hash = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/);
const proof = z.array(hash).max(64);

const head = {
  /** A head of the directory log: the signed note, with the cosignatures it has. */
  checkpoint: z.string().min(1).max(65_536),
  /** Of each shard the newest entry below that head, ascending by shard; `proof` is its PATH (RFC 6962, 2.1.1). */
  recorded: z.array(z.strictObject({ entry: z.string().min(1).max(32_768), index: count, proof })),
  /** Base64 of a TimeStampResp (RFC 3161) over the bytes of `checkpoint`. */
  timestamp: z.base64().min(1).max(65_536).refine(isCanonicalBase64).nullable(),
};
/** PROOF of RFC 6962, 2.1.2, between the head that the directory recorded of a log and the bundle's checkpoint, the smaller first. */
const anchorOfOne = z.strictObject({ ...head, consistency: proof });
/** Of each log of the bundle that is in `recorded`, in their order. */
const anchorOfSeveral = z.strictObject({
  ...head,
  logs: z.array(z.strictObject({ consistency: proof, shard: z.string() })),
});
const directoryAnchor = z.union([anchorOfOne, anchorOfSeveral]);
/** What shows that a head of the directory log covers a bundle's logs. */
export type DirectoryAnchor = z.infer<typeof directoryAnchor>;

const directoryAnchors = z.strictObject({ heads: z.array(directoryAnchor).min(1).max(3) });

/** `anchors.json` (docs/bundle.md). */
export function formatDirectoryAnchors(heads: readonly DirectoryAnchor[]): string {
  return `${canonicalJson(directoryAnchors.parse({ heads }))}\n`;
}

/** @throws LogError `malformed` unless the bytes are as `formatDirectoryAnchors` writes them. */
export function parseDirectoryAnchors(bytes: Uint8Array): DirectoryAnchor[] {
  const parsed = directoryAnchors.safeParse(parseCanonicalLine(bytes));
  if (!parsed.success) throw new LogError("malformed", "it is none that bundles have");
  return parsed.data.heads;
}

function isCanonicalBase64(text: string): boolean {
  return Buffer.from(text, "base64").toString("base64") === text;
}
