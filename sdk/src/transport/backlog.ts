import type { Batch, Convert, Tails, Told } from "../conversion/raw-record.ts";
import type { Failures } from "../failures.ts";
import { serializeApart } from "./serialize.ts";
import type { Spool } from "./spool.ts";
import type { WaitingQueue } from "./waiting-queue.ts";

/** A batch as it may lie on the disk. */
export interface DiskBatch {
  bytes: Uint8Array;
  tails: Tails;
  told: Told;
}

export interface BacklogDependencies {
  queue: WaitingQueue;
  failures: Failures;
  spool: Spool | undefined;
  /** On the spot: the process ends. */
  convert: Convert;
  /** By another thread; undefined when that is gone. */
  convertApart: ((batch: Batch) => Promise<DiskBatch | undefined>) | undefined;
  tell: (told: Told) => void;
}

/** What of the queue lies on disk. Without a spool it is always empty and takes nothing. */
export interface Backlog {
  readonly hasSpool: boolean;
  /** Records of this process that are on disk. */
  records(): number;
  /** There may be some to send, of this process or of one that ended. */
  mayHoldAny(): boolean;
  /** Moves the queue to the disk, as far as there is room. A crash while it runs loses what is not on the disk yet, as it would have before. */
  take(): Promise<void>;
  /** The same on the spot, for a process that ends. */
  takeNow(): void;
  /** Sends what is on disk; the number of this process's records among it, or null when some is left. */
  drain(): Promise<number | null>;
}

const BATCH_RECORDS = 512;
/** Then records that are new have their turn. */
const DRAIN_MS = 5_000;

export function createBacklog(dependencies: BacklogDependencies): Backlog {
  const { queue, failures, spool, convert, convertApart, tell } = dependencies;
  let spooled = 0;
  let mayHoldAny = spool !== undefined;
  /** Two at once would write the same twice. */
  let taking: Promise<void> | undefined;

  const convertHere = (batch: Batch): DiskBatch | undefined =>
    failures.attempt("spool", () => {
      const { spans, ...converted } = convert(batch);
      return { bytes: serializeApart(spans), ...converted };
    });
  const kept = (batch: Batch, { tails, told }: DiskBatch): void => {
    queue.removeHead(batch, tails);
    tell(told);
    spooled += batch.records.length;
    mayHoldAny = true;
  };

  async function takeAll(): Promise<void> {
    while (spool !== undefined && !queue.isEmpty()) {
      const batch = queue.head(BATCH_RECORDS);
      const request = (await convertApart?.(batch)) ?? convertHere(batch);
      if (request === undefined || !(await spool.keep(request.bytes, batch.records.length))) return;
      kept(batch, request);
    }
  }

  return {
    hasSpool: spool !== undefined,
    records: () => spooled,
    mayHoldAny: () => mayHoldAny,
    take() {
      taking ??= takeAll().finally(() => {
        taking = undefined;
      });
      return taking;
    },
    takeNow() {
      while (spool !== undefined && !queue.isEmpty()) {
        const batch = queue.head(BATCH_RECORDS);
        const request = convertHere(batch);
        if (request === undefined) return;
        if (!failures.attempt("spool", () => spool.keepNow(request.bytes, batch.records.length))) return;
        kept(batch, request);
      }
    },
    async drain() {
      const before = spooled;
      if ((await spool?.drain(DRAIN_MS)) === false) return null;
      mayHoldAny = false;
      spooled = 0;
      return before;
    },
  };
}
