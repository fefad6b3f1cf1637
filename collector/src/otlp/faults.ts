/** The latest time that ClickHouse's DateTime64(9) holds: 2262-04-11. */
export const LATEST_UNIX_NANO = 2n ** 63n - 1n;

/** What became of the items of a request: its spans, log records or data points. */
export interface Counts {
  accepted: number;
  /** By fault. */
  rejected: Map<string, number>;
  /** Why the first undecodable item is one. */
  undecodable: string | null;
}

export function createCounts(): Counts {
  return { accepted: 0, rejected: new Map(), undecodable: null };
}

export function countRejected(counts: Counts, fault: string, count: number): void {
  counts.rejected.set(fault, (counts.rejected.get(fault) ?? 0) + count);
}

/** `reasons`: for each item, why it could not be decoded. */
export function countUndecodable(counts: Counts, reasons: readonly string[]): void {
  if (reasons.length > 0) countRejected(counts, "undecodable", reasons.length);
  counts.undecodable ??= reasons[0] ?? null;
}

/** For the sender: how many items were not taken, why, and what to do (`whatToDo`, by fault). */
export function describeFaults({ rejected, undecodable }: Counts, whatToDo: Readonly<Record<string, string>>): string {
  const why = (fault: string) => (fault === "undecodable" && undecodable) || (whatToDo[fault] ?? fault);
  return [...rejected].map(([fault, count]) => `${count} rejected (${fault}): ${why(fault)}`).join("; ");
}

/** An id of `length` bytes that is not all zero. */
export function isId(id: Uint8Array, length: number): boolean {
  return id.length === length && !isZero(id);
}

export function isZero(id: Uint8Array): boolean {
  for (let index = 0; index < id.length; index += 1) if (id[index] !== 0) return false;
  return true;
}
