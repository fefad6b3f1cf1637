import type { Failures } from "../failures.ts";
import type { SendOutcome } from "./outcome.ts";
import { sendInParts } from "./send-in-parts.ts";
import { createSpoolFiles, type SpoolFile, type SpoolFiles } from "./spool-files.ts";
import { createSpoolLock } from "./spool-lock.ts";

export interface SpoolSettings {
  directory: string;
  /** Of all files together; past it nothing more is taken. */
  maxBytes: number;
  /** Older files are given up. */
  maxAgeMs: number;
}

export interface SpoolDependencies {
  /** Sends an ExportTraceServiceRequest. Never rejects. */
  send: (request: Uint8Array, timeoutMs: number) => Promise<{ outcome: SendOutcome; error?: unknown }>;
  failures: Failures;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Records on disk while the collector is away: those of this process, and of processes that ended before theirs were delivered. */
export interface Spool {
  /** True when the records are on the disk; false, and nothing is kept, when there is no room or the disk fails. */
  keep(request: Uint8Array, records: number): Promise<boolean>;
  /** The same on the spot, for a process that ends. */
  keepNow(request: Uint8Array, records: number): boolean;
  /** Sends the oldest first until none is left (true), the collector does not take them, or the time is over. */
  drain(timeoutMs: number): Promise<boolean>;
  stats(): { spooled: number; sentFromSpool: number };
}

/** Of the spool's size: what may lie there of records that no collector takes. */
const ASIDE_SHARE = 1 / 16;

export function createSpool({ send, failures, now }: SpoolDependencies, settings: SpoolSettings): Spool {
  const files = createSpoolFiles(settings.directory, now);
  const lock = createSpoolLock(settings.directory, now);
  let spooled = 0;
  let sentFromSpool = 0;
  /** What is there as far as we know: looked up before the first write, and at each drain. */
  let knownBytes: number | undefined;
  let draining: Promise<boolean> | undefined;

  const current = async (): Promise<SpoolFile[]> => {
    const all = await files.list();
    const old = all.filter(({ writtenTime }) => now() - writtenTime > settings.maxAgeMs);
    for (const file of old) {
      await files.remove(file);
      failures.report("dropped", new Error(`records waited longer than ${settings.maxAgeMs} ms`), file.records);
    }
    const kept = all.filter((file) => !old.includes(file));
    knownBytes = sizeOf(kept);
    return kept;
  };
  const hasRoom = (bytes: number) => (knownBytes ?? 0) + bytes <= settings.maxBytes;

  const drainNow = async (deadline: number): Promise<boolean> => {
    for (;;) {
      const [oldest] = await current();
      if (oldest === undefined) return true;
      if (now() >= deadline) return false;
      await lock.renew();
      const request = await files.read(oldest);
      if (request === null) continue;
      const refused = await sendInParts({ send, now }, request, deadline);
      if (refused === null) return false;
      // A file of an older version can't be told apart: then all of its records are meant.
      const perPart = refused[0]?.bytes.byteLength === request.byteLength ? oldest.records : 1;
      for (const [number, { bytes, error }] of refused.entries()) {
        failures.report("rejected", error, perPart);
        await files.putAside(oldest, number, bytes);
      }
      sentFromSpool += oldest.records - refused.length * perPart;
      await files.remove(oldest);
      if (refused.length > 0) await keepAsideSmall(files, settings, now);
    }
  };

  const drainAlone = async (timeoutMs: number): Promise<boolean> => {
    try {
      if ((await current()).length === 0) return true;
      if (!(await lock.take())) return false;
      try {
        return await drainNow(now() + timeoutMs);
      } finally {
        await lock.release();
      }
    } catch (error) {
      failures.report("spool", error);
      return false;
    }
  };

  return {
    async keep(request, records) {
      try {
        if (knownBytes === undefined) await current();
        if (!hasRoom(request.byteLength)) return false;
        await files.write(request, records);
        knownBytes = (knownBytes ?? 0) + request.byteLength;
        spooled += records;
        return true;
      } catch (error) {
        failures.report("spool", error);
        return false;
      }
    },
    keepNow(request, records) {
      // A process may end before it ever looked.
      knownBytes ??= sizeOf(files.listNow());
      if (!hasRoom(request.byteLength)) return false;
      files.writeNow(request, records);
      knownBytes += request.byteLength;
      spooled += records;
      return true;
    },
    drain(timeoutMs) {
      draining ??= drainAlone(timeoutMs).finally(() => {
        draining = undefined;
      });
      return draining;
    },
    stats: () => ({ spooled, sentFromSpool }),
  };
}

/** The oldest go first. */
async function keepAsideSmall(
  files: SpoolFiles,
  { maxBytes, maxAgeMs }: SpoolSettings,
  now: () => number,
): Promise<void> {
  const aside = await files.listAside();
  let bytes = sizeOf(aside);
  for (const file of aside) {
    if (now() - file.writtenTime <= maxAgeMs && bytes <= maxBytes * ASIDE_SHARE) return;
    await files.remove(file);
    bytes -= file.sizeBytes;
  }
}

function sizeOf(files: readonly SpoolFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
