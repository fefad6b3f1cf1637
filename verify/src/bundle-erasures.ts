import type { Destruction } from "./bundle-selection.ts";

/** That a key was destroyed, as lines say it. */
export interface Erasure {
  shard: string | null;
  index: number;
  keyId: string;
  contents: Said[];
}
/** When an entry came whose content is gone. */
interface Said {
  index: number;
  receivedMs: number;
}

/** Is an act older than what it is said to have erased? Of its own log by their places, of another by their times. No verdict: honest ones wait for holds. */
export function createErasureDates() {
  const after: number[] = [];
  const young: number[] = [];
  const told = (indexes: readonly number[], what: string): string[] => {
    if (indexes.length === 0) return [];
    const first = indexes.reduce((a, b) => Math.min(a, b));
    return [what.replace("#", `${indexes.length}, the first of entry ${first}`)];
  };
  return {
    add({ shard, index: act, contents }: Erasure, { receivedMs: actMs, retentionMs }: Destruction): void {
      for (const { index, receivedMs } of contents)
        if (shard === null ? index > act : receivedMs > actMs) after.push(index);
        else if (retentionMs > 0 && actMs - receivedMs < retentionMs) young.push(index);
    },
    notes: (): string[] => [
      ...told(
        after,
        "Contents came after the act that is said to have erased them: #. An erasure that a hold made wait, or a month that expired again, looks the same.",
      ),
      ...told(
        young,
        "Contents are said to have expired before they were as old as the act says: #. A clock that was ahead looks the same.",
      ),
    ],
  };
}
