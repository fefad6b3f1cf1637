import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { StorageError } from "../error.ts";
import { createFileObjects, type FileAccess } from "./files.ts";
import type { Objects } from "./objects.ts";

/** Opens the objects of a setting such as `file:/var/lib/runledger/objects` or `file:objects`; opening to read changes nothing there. @throws StorageError `rejected`. */
export async function openObjects(location: string, access: FileAccess = "write"): Promise<Objects> {
  if (location.startsWith("file://")) return createFileObjects(fileURLToPath(location), access);
  if (location.startsWith("file:") && location.length > "file:".length) {
    return createFileObjects(resolve(location.slice("file:".length)), access);
  }
  if (location.startsWith("s3://")) {
    throw new StorageError("rejected", "RUNLEDGER_OBJECTS: s3:// is not supported yet; use file:PATH for now");
  }
  throw new StorageError("rejected", `RUNLEDGER_OBJECTS: file:PATH is expected, not ${JSON.stringify(location)}`);
}
