import { z } from "zod";
import { LogError } from "../log/log-error.ts";
import { canonicalJson } from "../record/canonical-json.ts";

const count = z.number().int().nonnegative();
const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const proof = z.array(hash).max(64);

const head = {
  /** A head of the directory log: the signed note, with the cosignatures it has. */
  checkpoint: z.string().min(1).max(65_536),
  /** Of each shard the newest entry below that head, ascending by shard; `proof` is its PATH (RFC 6962, 2.1.1). */
  recorded: z.array(z.strictObject({ entry: z.string().min(1).max(32_768), index: count, proof })),
  /** Base64 of a TimeStampResp (RFC 3161) over the bytes of `checkpoint`. */
  timestamp: z.base64().min(1).max(65_536).nullable(),
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

/** @throws LogError `malformed` unless the text is as `formatDirectoryAnchors` writes it. */
export function parseDirectoryAnchors(text: string): DirectoryAnchor[] {
  const parsed = directoryAnchors.safeParse(parseJson(text));
  if (!parsed.success || formatDirectoryAnchors(parsed.data.heads) !== text)
    throw new LogError("malformed", "it is none that bundles have");
  return parsed.data.heads;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // none, as the schema will find
  }
}
