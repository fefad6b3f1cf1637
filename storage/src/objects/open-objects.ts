import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { StorageError } from "../error.ts";
import { createFileObjects, type FileAccess } from "./files.ts";
import type { Objects } from "./objects.ts";
import { parseS3Location } from "./s3-location.ts";

export interface OpenObjectsOptions {
  /** To read changes nothing there, and checks nothing. */
  access?: FileAccess;
  /** Told of what should not be, such as something put over evidence. */
  warn?: (message: string, details: object) => void;
}

/**
 * Opens the objects of a setting: `file:/var/lib/runledger/objects`, `file:objects`, or `s3://BUCKET/PREFIX?…` (`parseS3Location`), which is
 * checked before anything is written. @throws StorageError `rejected`, with what to mend.
 */
export async function openObjects(location: string, options: OpenObjectsOptions = {}): Promise<Objects> {
  const { access = "write", warn = () => undefined } = options;
  const folder = objectsFolder(location);
  if (folder !== null) return createFileObjects(folder, access);
  if (!location.startsWith("s3://")) {
    throw new StorageError(
      "rejected",
      `RUNLEDGER_OBJECTS: file:PATH or s3://BUCKET/PREFIX is expected, not ${JSON.stringify(location)}`,
    );
  }
  const s3 = parseS3Location(location);
  const { openS3Objects } = await import("./open-s3.ts"); // Amazon's SDK is loaded where there is a bucket
  return openS3Objects(s3, access, warn);
}

/** Where the objects of a `file:` location lie; null for any other. */
export function objectsFolder(location: string): string | null {
  if (location.startsWith("file://")) return fileURLToPath(location);
  return location.startsWith("file:") && location !== "file:" ? resolve(location.slice("file:".length)) : null;
}
