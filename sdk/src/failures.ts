/** What of ours can go wrong: understanding an exchange, making a record, reaching the collector, the spool on disk, hearing of kills and approvals, keeping or delivering a record, a callback of the user; facts told outside of a run; and content that could not be looked through, which is withheld. */
export const FAILURE_KINDS = [
  "capture",
  "record",
  "delivery",
  "spool",
  "control",
  "dropped",
  "rejected",
  "callback",
  "outside_run",
  "redaction",
] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Our own failures: counted each, told once a kind, never thrown. */
export interface Failures {
  report(kind: FailureKind, error: unknown, count?: number): void;
  /** Runs our work; its failure is reported and the answer is undefined. */
  attempt<T>(kind: FailureKind, work: () => T): T | undefined;
  counts(): Record<FailureKind, number>;
}

/** @param words of an error, as they may be told: they may hold content. */
export function createFailures(log: (message: string) => void, words: FailureWords = plainWords): Failures {
  const counts: Record<FailureKind, number> = {
    capture: 0,
    record: 0,
    delivery: 0,
    spool: 0,
    control: 0,
    dropped: 0,
    rejected: 0,
    callback: 0,
    outside_run: 0,
    redaction: 0,
  };
  function report(kind: FailureKind, error: unknown, count = 1): void {
    const first = counts[kind] === 0;
    counts[kind] += count;
    if (!first) return;
    try {
      log(`${kind}: ${words(kind, error)} (told once, counted in stats())`);
    } catch {
      // The user's log failed: the count is what is left, and the agent must not notice.
    }
  }
  return {
    report,
    attempt(kind, work) {
      try {
        return work();
      } catch (error) {
        report(kind, error);
        return undefined;
      }
    },
    counts: () => ({ ...counts }),
  };
}

export type FailureWords = (kind: FailureKind, error: unknown) => string;

export const plainWords: FailureWords = (_kind, error) => (error instanceof Error ? error.message : String(error));
