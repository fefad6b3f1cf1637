import { setTimeout as sleep } from "node:timers/promises";
import type { JournalCursor } from "@runledger/storage";
import { OtlpError } from "../otlp/otlp.ts";

/** Knows when a journalled request is in the audit log, and so in the object store. */
export interface ObjectAck {
  /** Resolves when the frame's records are in the store. @throws OtlpError `not_stored` when that takes too long: sent again, they are found to be duplicates. */
  stored(seq: number): Promise<void>;
}

export interface ObjectAckSettings {
  pollMs: number;
  /** Less than what exporters wait by default (10 s), so that they hear of it. */
  timeoutMs: number;
}

/**
 * Looks at the audit log's cursor while somebody waits: one look for all of them, and one batch of the log for all that came meanwhile.
 * The cursor is saved after the batch is published, so what it has passed survives the loss of this machine.
 */
export function createObjectAck(audit: Pick<JournalCursor, "load">, settings: ObjectAckSettings): ObjectAck {
  let nextSeq = 0;
  let looking: Promise<void> | null = null;
  const look = (): Promise<void> => {
    looking ??= audit
      .load()
      .then((seq) => {
        nextSeq = seq;
      })
      .finally(() => {
        looking = null;
      });
    return looking;
  };
  return {
    stored: async (seq) => {
      const deadline = performance.now() + settings.timeoutMs;
      while (nextSeq <= seq) {
        await look();
        if (nextSeq > seq) return;
        if (performance.now() >= deadline)
          throw new OtlpError("not_stored", "the object store has not taken these records yet; send them again later");
        await sleep(settings.pollMs);
      }
    },
  };
}
