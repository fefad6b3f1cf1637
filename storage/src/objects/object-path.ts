import { isEvidencePath } from "@runledger/contract";
import { StorageError } from "../error.ts";

const PATH = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const MAX_PATH = 1_000;

/** @throws StorageError `rejected` for what is no path of an object. */
export function checkedPath(path: string): string {
  if (!PATH.test(path) || path.length > MAX_PATH) {
    throw new StorageError("rejected", `not a path of an object: ${JSON.stringify(path.slice(0, 200))}`);
  }
  return path;
}

/** @throws StorageError `rejected`: what was written once is kept. */
export function refuseEvidence(path: string, what: "replaced" | "deleted"): void {
  if (isEvidencePath(checkedPath(path))) throw new StorageError("rejected", `${path} is evidence: it is never ${what}`);
}
