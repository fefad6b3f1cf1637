/** The version of an object as its store tells it (ETag, or a hash); opaque. */
export type ObjectVersion = string;

export interface StoredObject {
  path: string;
  sizeBytes: number;
}

export interface CreateOptions {
  /** Epoch ms: locked until then, where the store locks evidence, in place of the store's own time. */
  retainUntilMs?: number | undefined;
}

/**
 * Where immutable evidence and small state documents live. Paths are `/`-separated, relative, of [A-Za-z0-9._-].
 *
 * Durability: a resolved write survives power loss. Atomicity: a reader sees a whole object or none.
 * Concurrency: any number of callers; of two `create`s of one path exactly one writes.
 * Every rejection is a StorageError; after `unavailable` the write may have happened, and repeating it is safe.
 */
export interface Objects {
  /** Writes an object once. Resolves also when the very same bytes are there already, whose lock stays as it is. @throws StorageError `conflict` for other bytes. */
  create(path: string, bytes: Uint8Array, options?: CreateOptions): Promise<void>;
  /** Writes or overwrites. Only for what is never again what it was: an attempt that arrives late may take it for what it was meant to replace. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes when the object's version is still `expected` (null: it does not exist). Of the same bytes the version is the same, and an attempt may arrive late, so
   * what may say again what it said before is written in bytes of its own (`uniqueJson`). @throws StorageError `conflict` when it is not.
   */
  compareAndSet(path: string, bytes: Uint8Array, expected: ObjectVersion | null): Promise<ObjectVersion>;
  /** The whole object, or null when there is none. */
  read(path: string): Promise<Uint8Array | null>;
  /** `length` bytes from `offset`; shorter at the object's end; null when there is no object. */
  readRange(path: string, offset: number, length: number): Promise<Uint8Array | null>;
  /** Object and version, for a later compareAndSet. */
  readVersioned(path: string): Promise<{ bytes: Uint8Array; version: ObjectVersion } | null>;
  /** All objects below a prefix, in ascending order of path. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Names directly below a prefix that ends in a slash and have objects below them, ascending. */
  folders(prefix: string): Promise<string[]>;
  /** Removes an object; resolves when there is none. Never called for evidence. */
  delete(path: string): Promise<void>;
}
