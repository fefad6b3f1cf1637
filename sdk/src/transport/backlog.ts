import { createRequire } from "node:module";
import type { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Failures } from "../failures.ts";
import type { Spool } from "./spool.ts";
import type { WaitingQueue } from "./waiting-queue.ts";

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

export function createBacklog(queue: WaitingQueue, failures: Failures, spool: Spool | undefined): Backlog {
  let spooled = 0;
  let mayHoldAny = spool !== undefined;

  const nextRequest = () => {
    const batch = queue.head(BATCH_RECORDS);
    const bytes = failures.attempt("spool", () => serialize(batch));
    return bytes && { bytes, records: batch.length };
  };
  const kept = (records: number): void => {
    queue.removeHead(records);
    spooled += records;
    mayHoldAny = true;
  };

  return {
    hasSpool: spool !== undefined,
    records: () => spooled,
    mayHoldAny: () => mayHoldAny,
    async take() {
      while (!queue.isEmpty()) {
        const request = nextRequest();
        if (request === undefined || !(await spool?.keep(request.bytes, request.records))) return;
        kept(request.records);
      }
    },
    takeNow() {
      while (spool !== undefined && !queue.isEmpty()) {
        const request = nextRequest();
        if (request === undefined) return;
        if (!failures.attempt("spool", () => spool.keepNow(request.bytes, request.records))) return;
        kept(request.records);
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

/** Each record with its own resource, so that one which a collector refuses can be told from the others. Loaded when it is needed, which mostly is never: the other thread serializes what is sent. On the spot, for a process that ends. */
function serialize(batch: ReadableSpan[]): Uint8Array | undefined {
  const load = createRequire(import.meta.url);
  const transformer = load("@opentelemetry/otlp-transformer") as {
    ProtobufTraceSerializer: typeof ProtobufTraceSerializer;
  };
  return Buffer.concat(
    batch.map((span) => transformer.ProtobufTraceSerializer.serializeRequest([span]) ?? Buffer.alloc(0)),
  );
}
