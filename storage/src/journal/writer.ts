import type { FileHandle } from "node:fs/promises";
import { unlink } from "node:fs/promises";
import { makeDirectory, syncDirectory } from "../durable/directory-sync.ts";
import { fileError } from "../durable/file-error.ts";
import { StorageError } from "../error.ts";
import { checkCursors, readCursors } from "./cursor.ts";
import { encodeFrameHead, encodeMarker, frameBytes } from "./frame.ts";
import type { JournalEntry, JournalWriter } from "./journal.ts";
import { recoverJournal } from "./recovery.ts";
import { createSegment, SEGMENT_HEADER_BYTES, segmentPath, unreachable } from "./segment.ts";
import {
  JOURNAL_DEFAULTS,
  type JournalWriterSettings,
  LITTLE_ROOM_BYTES,
  MAX_AGED_SEGMENTS,
} from "./writer-settings.ts";

interface WaitingAppend {
  entry: JournalEntry;
  sizeBytes: number;
  resolve: (seq: number) => void;
  reject: (error: StorageError) => void;
}

/**
 * Opens a journal for writing; the caller makes sure that no other process does (`acquireDirectoryLock`).
 * @throws StorageError `damaged` when committed frames are not readable: the product must not start.
 */
export async function openJournalWriter(dir: string, settings: JournalWriterSettings): Promise<FileJournalWriter> {
  await makeDirectory(dir).catch((cause: unknown) => {
    throw unreachable(dir, cause);
  });
  const recovered = await recoverJournal(dir);
  try {
    checkCursors(dir, await readCursors(dir), recovered.lastSeq);
  } catch (error) {
    await recovered.current.handle.close();
    throw error;
  }
  if (recovered.torn !== null)
    settings.warn("a torn write at the journal's end was cut; none of it was acknowledged", recovered.torn);
  return new FileJournalWriter(dir, settings, recovered);
}

/**
 * One loop writes; appends only queue and wait. A disk without room refuses them until there is some again. After any other
 * failed write, and after every failed fsync, the writer is dead: what the disk holds is unknown.
 */
export class FileJournalWriter implements JournalWriter {
  readonly #dir: string;
  readonly #limits: typeof JOURNAL_DEFAULTS;
  readonly #followers: readonly string[];
  readonly #warn: JournalWriterSettings["warn"];
  readonly #finished: { path: string; firstSeq: number; sizeBytes: number }[];
  readonly #removal: NodeJS.Timeout;
  #current: { handle: FileHandle; salt: number; path: string; firstSeq: number; endBytes: number };
  #queue: WaitingAppend[] = [];
  #queuedBytes = 0;
  #finishedBytes: number;
  /** How long the current segment has been written to, by this process. */
  #ageMs = 0;
  #durableSeq: number;
  #running: Promise<void> | null = null;
  #removing: Promise<number> | null = null;
  #refusal: StorageError | null = null;
  /** The last lack of room: the disk's until it has taken something, the journal's until it is asked for. */
  #lack: { of: "disk" | "journal"; sizeBytes: number } | null = null;
  /** There was no room for a marker: readers wait for it. */
  #markerIsDue = false;

  constructor(dir: string, settings: JournalWriterSettings, recovered: Awaited<ReturnType<typeof recoverJournal>>) {
    this.#dir = dir;
    this.#followers = settings.followers;
    this.#warn = settings.warn;
    this.#limits = { ...JOURNAL_DEFAULTS, ...settings };
    // At least four segments, so that a full journal always has finished ones that can go.
    this.#limits.segmentBytes = Math.min(this.#limits.segmentBytes, this.#limits.maxJournalBytes / 4);
    this.#finished = recovered.finished;
    this.#finishedBytes = recovered.finished.reduce((sum, segment) => sum + segment.sizeBytes, 0);
    this.#current = recovered.current;
    this.#durableSeq = recovered.lastSeq;
    this.#removal = setInterval(() => {
      this.#ageMs += this.#limits.removeEveryMs;
      if (this.#markerIsDue || this.#isOld()) this.#running ??= this.#run();
      this.#removeInBackground();
    }, this.#limits.removeEveryMs).unref();
  }

  append(entry: JournalEntry): Promise<number> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal);
    const sizeBytes = frameBytes(entry);
    // Acts don't wait for what agents have filled it with.
    const ownRoomBytes = entry.own ? this.#limits.ownRoomBytes : 0;
    if (this.#queuedBytes + sizeBytes > this.#limits.maxQueuedBytes + ownRoomBytes) {
      return Promise.reject(
        new StorageError("full", `${this.#queuedBytes} bytes wait for the journal's disk already; retry later`),
      );
    }
    if (!this.#hasRoomFor(sizeBytes - ownRoomBytes)) {
      this.#lack = { of: "journal", sizeBytes };
      return Promise.reject(
        new StorageError(
          "full",
          `the journal holds its ${this.#limits.maxJournalBytes} bytes; retry when its followers have caught up`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, sizeBytes, resolve, reject });
      this.#queuedBytes += sizeBytes;
      this.#running ??= this.#run();
    });
  }

  stats(): { queuedBytes: number; sizeBytes: number; lastSeq: number; segments: number } {
    return {
      queuedBytes: this.#queuedBytes,
      sizeBytes: this.#finishedBytes + this.#current.endBytes,
      lastSeq: this.#durableSeq,
      segments: this.#finished.length + 1,
    };
  }

  /** Why nothing is taken, or not much: for people; null when all is well. Asked again, it has an end by itself when there is room. */
  async trouble(): Promise<string | null> {
    if (this.#refusal !== null) return this.#refusal.message;
    const lack = this.#lack;
    if (lack === null) return null;
    const hasRoom =
      lack.of === "journal"
        ? this.#hasRoomFor(lack.sizeBytes)
        : (await this.#limits.freeBytes(this.#dir)) > lack.sizeBytes + LITTLE_ROOM_BYTES;
    if (hasRoom && this.#lack === lack) this.#lack = null;
    if (hasRoom) return null;
    return lack.of === "journal"
      ? `the journal holds its ${this.#limits.maxJournalBytes} bytes: requests are refused until the stores have taken some of them`
      : `the disk of ${this.#dir} has no room left: requests are refused until it has`;
  }

  #hasRoomFor(sizeBytes: number): boolean {
    return this.stats().sizeBytes + this.#queuedBytes + sizeBytes <= this.#limits.maxJournalBytes;
  }

  /** Removes segments that all followers have passed, oldest first. Resolves with their number. A crash in between leaves some for the next time. */
  async removeFinishedSegments(): Promise<number> {
    this.#removing ??= this.#remove().finally(() => {
      this.#removing = null;
    });
    return this.#removing;
  }

  async close(): Promise<void> {
    clearInterval(this.#removal);
    this.#refusal ??= new StorageError("unavailable", "the journal is closed");
    while (this.#running !== null) await this.#running;
    await this.#removing?.catch(() => 0);
    await this.#current.handle.close();
  }

  async #run(): Promise<void> {
    let group: WaitingAppend[] = [];
    try {
      // Let all appends of this turn of the event loop join the first group.
      await null;
      while (this.#queue.length > 0) {
        group = this.#takeGroup();
        const refusal = await refusalOf(() => this.#writeGroup(group));
        const groupBytes = group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        if (refusal !== null) this.#lack = { of: "disk", sizeBytes: groupBytes };
        else if (this.#lack?.of === "disk") this.#lack = null;
        for (const [index, { sizeBytes, resolve, reject }] of group.entries()) {
          this.#queuedBytes -= sizeBytes;
          if (refusal === null) resolve(this.#durableSeq - group.length + 1 + index);
          else reject(refusal);
        }
        group = [];
        // Acknowledged callers may append more before the loop looks again.
        await null;
      }
      const finish = () => (this.#isOld() ? this.#startSegment() : this.#writeMarker());
      this.#markerIsDue = (await refusalOf(finish)) !== null;
    } catch (cause) {
      this.#die(cause, group);
    } finally {
      this.#running = this.#queue.length > 0 ? this.#run() : null;
    }
  }

  /** A segment that followers have passed goes away when the next one begins, however few requests come. */
  #isOld(): boolean {
    const holdsFrames = this.#durableSeq >= this.#current.firstSeq;
    return holdsFrames && this.#ageMs >= this.#limits.segmentAgeMs && this.#finished.length < MAX_AGED_SEGMENTS;
  }

  #takeGroup(): WaitingAppend[] {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#queue) {
      if (count > 0 && bytes + waiting.sizeBytes > this.#limits.maxGroupBytes) break;
      bytes += waiting.sizeBytes;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** A crash before the fsync ends: nobody has an answer; recovery keeps whole frames and cuts a torn one. After it: every frame is found again. */
  async #writeGroup(group: WaitingAppend[]): Promise<void> {
    if (this.#current.endBytes >= this.#limits.segmentBytes) await this.#startSegment();
    const { handle, salt } = this.#current;
    let bytes = 0;
    const parts: Uint8Array[] = [];
    for (const [index, { entry, sizeBytes }] of group.entries()) {
      parts.push(encodeFrameHead(entry, this.#durableSeq + 1 + index, this.#durableSeq, salt), entry.body);
      bytes += sizeBytes;
    }
    await this.#write(parts, bytes);
    await handle.datasync();
    this.#durableSeq += group.length;
  }

  /** Lets readers see the last group, when no further one tells them. Not fsynced: what it says is true, and recovery can do without it. */
  async #writeMarker(): Promise<void> {
    const marker = encodeMarker(this.#durableSeq, this.#current.salt);
    await this.#write([marker], marker.length);
  }

  async #write(parts: Uint8Array[], bytes: number): Promise<void> {
    const { handle, endBytes } = this.#current;
    try {
      const { bytesWritten } = await handle.writev(parts, endBytes);
      // The system writes less than it was given when that is all there is room for.
      if (bytesWritten !== bytes) throw Object.assign(new Error("short write"), { code: "ENOSPC" });
    } catch (cause) {
      // A crash before this leaves a torn write, of which recovery keeps the whole frames: nobody was told that they are not there.
      await handle.truncate(endBytes);
      throw fileError(this.#dir, cause);
    }
    this.#current.endBytes += bytes;
  }

  /** That there is a next one tells readers of all frames before it, as a marker does. */
  async #startSegment(): Promise<void> {
    const firstSeq = this.#durableSeq + 1;
    const previous = this.#current;
    // Its last marker too: from here on every byte of it is checked at each start.
    await previous.handle.datasync();
    const created = await createSegment(this.#dir, firstSeq);
    this.#current = { ...created, path: segmentPath(this.#dir, firstSeq), firstSeq, endBytes: SEGMENT_HEADER_BYTES };
    this.#finished.push({ path: previous.path, firstSeq: previous.firstSeq, sizeBytes: previous.endBytes });
    this.#finishedBytes += previous.endBytes;
    this.#ageMs = 0;
    await previous.handle.close();
  }

  async #remove(): Promise<number> {
    const cursors = await readCursors(this.#dir);
    const passed = Math.min(...this.#followers.map((name) => cursors.get(name) ?? 0));
    let removed = 0;
    for (;;) {
      const [oldest] = this.#finished;
      const nextFirstSeq = (this.#finished[1] ?? this.#current).firstSeq;
      if (oldest === undefined || nextFirstSeq > passed) break;
      await unlink(oldest.path);
      this.#finished.shift();
      this.#finishedBytes -= oldest.sizeBytes;
      removed += 1;
    }
    if (removed > 0) await syncDirectory(this.#dir);
    return removed;
  }

  /** A segment that can't be removed now is tried again at the next tick; a journal that grows full for it refuses appends. */
  #removeInBackground(): void {
    this.removeFinishedSegments().catch((cause: unknown) => {
      this.#warn("finished segments of the journal could not be removed; trying again", { cause });
    });
  }

  #die(cause: unknown, group: WaitingAppend[]): void {
    const error = new StorageError(
      "unavailable",
      `the journal in ${this.#dir} can't be written any more; the process must end and start anew`,
      cause,
    );
    this.#refusal = error;
    for (const waiting of [...group, ...this.#queue.splice(0)]) waiting.reject(error);
  }
}

/** Why `write` had no room, or null when it is done. Every other failure is thrown. */
async function refusalOf(write: () => Promise<void>): Promise<StorageError | null> {
  try {
    await write();
    return null;
  } catch (error) {
    if (error instanceof StorageError && error.code === "full") return error;
    throw error;
  }
}
