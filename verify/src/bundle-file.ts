import type { Finding } from "@runledger/contract";

/** A file of a bundle, in the bundle's order. `content` is read once, or not at all. */
export interface BundleFile {
  path: string;
  sizeBytes: number;
  content: AsyncIterable<Uint8Array>;
}

/** Where files come from: a tar or a directory. */
export type BundleFiles = AsyncIterable<BundleFile>;

/** After this nothing further can be read. */
export class BrokenBundleError extends Error {
  readonly verdict: Finding["verdict"];
  readonly where: string;

  constructor(verdict: Finding["verdict"], where: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BrokenBundleError";
    this.verdict = verdict;
    this.where = where;
  }
}
