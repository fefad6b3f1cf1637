export { StorageError, type StorageErrorCode } from "./error.ts";
export {
  BODY_ENCODINGS,
  BODY_FORMATS,
  type BodyEncoding,
  type BodyFormat,
  type JournalCursor,
  type JournalEntry,
  type JournalFrame,
  type JournalReader,
  type JournalWriter,
  SIGNALS,
  type Signal,
} from "./journal/journal.ts";
export type { Objects, ObjectVersion, StoredObject } from "./objects/objects.ts";
export type { QueryParameters, Rows } from "./rows/rows.ts";
