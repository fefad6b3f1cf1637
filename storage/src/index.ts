export { installationPrincipal, refusalText, type Sought } from "./access/identify.ts";
export { type KeyBook, type KeyBookOptions, type NewKey, openKeyBook } from "./access/key-book.ts";
export { newKeyId } from "./access/key-secret.ts";
export { type StoredKey, statusOf } from "./access/key-state.ts";
export { StorageError, type StorageErrorCode } from "./error.ts";
export {
  journalCursorIsSaved,
  openJournalCursor,
  removeJournalCursor,
  resetJournalCursor,
} from "./journal/cursor.ts";
export { journalIdentity } from "./journal/identity.ts";
export type {
  BodyEncoding,
  BodyFormat,
  JournalCursor,
  JournalFrame,
  JournalReader,
  JournalWriter,
} from "./journal/journal.ts";
export { type JournalReaderSettings, openJournalReader } from "./journal/reader.ts";
export { type FileJournalWriter, openJournalWriter } from "./journal/writer.ts";
export type { JournalWriterSettings } from "./journal/writer-settings.ts";
export type { KeyFact } from "./keys/key-destruction.ts";
export { contentEndMs, contentLockEndMs, type DataKey, monthEndMs, monthPrefix } from "./keys/key-ring.ts";
export type { KeyRequest, KeyWriter } from "./keys/key-writer.ts";
export { type Keyring, openKeyring, openOrCreateKeyring } from "./keys/keyring.ts";
export type { MasterKey } from "./keys/master-key.ts";
export type { MasterKeySource } from "./keys/master-key-source.ts";
export { type Rotation, rotateMasterKey } from "./keys/rotate-master.ts";
export { createRotationNotes, type RotationNote } from "./keys/rotation-notes.ts";
export { loadOrCreateSigningKey, type SigningKey } from "./keys/signing-key.ts";
export { acquireDirectoryLock, type DirectoryLock } from "./lock/directory-lock.ts";
export type { Objects, ObjectVersion, StoredObject } from "./objects/objects.ts";
export { objectsFolder, openObjects } from "./objects/open-objects.ts";
export { lockOf, shortLockFault } from "./objects/s3-location.ts";
export {
  type EmbeddedClickHouse,
  type EmbeddedClickHouseOptions,
  startEmbeddedClickHouse,
} from "./rows/embedded-server.ts";
export { eraseRows, type RowsToErase, runsOfUser } from "./rows/erase-rows.ts";
export { DERIVED_TABLES, type MigrationSettings, migrate } from "./rows/migrate.ts";
export { createDatabase, openRows, type RowsSettings } from "./rows/open-rows.ts";
export { parameterLists } from "./rows/parameter-lists.ts";
export { isBeingRebuilt, markRebuild, unmarkRebuild } from "./rows/rebuild-mark.ts";
export type { QueryParameters, Rows } from "./rows/rows.ts";
export { createStateDocument, type StateDocument } from "./state/state-document.ts";
export { createWatchedDocument, type Versioned, type WatchedDocument } from "./state/watched-document.ts";
