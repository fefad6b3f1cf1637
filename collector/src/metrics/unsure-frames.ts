import { journalCursorIsSaved, openJournalCursor, removeJournalCursor, resetJournalCursor } from "@runledger/storage";

/** Frames that no log has yet, and whose rows ClickHouse has only if it was not emptied since. */
export interface UnsureFrames {
  /** ClickHouse was emptied, and filled from the logs: the metrics sink's cursors go back to where this journal's log ended. */
  sendAgain(): Promise<void>;
  /** ClickHouse has their rows, or the sink's cursor stands before them. */
  settle(): Promise<void>;
}

const METRICS = "metrics";
const UNSURE = "metrics-unsure";

/**
 * To be called before the audit log goes on: from then on its cursor does not tell any more what the logs had while the collector stood still. The journal keeps these frames
 * until the metrics sink has settled them, also over starts at which ClickHouse was away.
 */
export async function keepUnsureFrames(journalDir: string): Promise<UnsureFrames> {
  const kept = openJournalCursor(journalDir, UNSURE);
  if (!(await journalCursorIsSaved(journalDir, UNSURE))) {
    const audit = await openJournalCursor(journalDir, "audit").load();
    if (audit < (await openJournalCursor(journalDir, METRICS).load())) await kept.save(audit);
  }
  return {
    async sendAgain() {
      if (!(await journalCursorIsSaved(journalDir, UNSURE))) return;
      const from = await kept.load();
      // A crash between the two: it is done again, as long as ClickHouse does not know this journal.
      await resetJournalCursor(journalDir, `${METRICS}-intent`, from);
      await resetJournalCursor(journalDir, METRICS, from);
    },
    settle: () => removeJournalCursor(journalDir, UNSURE),
  };
}
