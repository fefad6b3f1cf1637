/** That a log had its first `size` entries by then. */
export interface AttestedHead {
  size: number;
  /** Milliseconds since the epoch, by a clock that is not the operator's. */
  timeMs: number;
  /** Whose word it is: "time stamp", "cosigned by w". */
  by: string;
}

/** `time`: by which a quorum of them had, in seconds since the epoch. */
export function cosignedBy(size: number, names: readonly string[], time: number): AttestedHead {
  return { size, timeMs: time * 1000, by: `cosigned by ${names.join(", ")}` };
}

/** What is attested of a directory's heads, said of a shard that it recorded. Both by ascending place in the directory. */
export function attestedOfShard(
  directory: readonly AttestedHead[],
  recorded: readonly { index: number; size: number }[],
): AttestedHead[] {
  let next = 0;
  return directory
    .toSorted((a, b) => a.size - b.size)
    .map((head) => {
      while ((recorded[next]?.index ?? head.size) < head.size) next++;
      return { ...head, size: recorded[next - 1]?.size ?? 0 };
    });
}

/** Compares what a log's entries say of their receipt with their order, and with what others attest. */
export interface ReceivedTimes {
  /** Entries in the order of their indexes; some may be left out. */
  add(index: number, receivedTime: string): void;
  /** Notes in plain words. None of it is a verdict: clocks jump, and a journal may be integrated late. */
  finish(): string[];
}

/** Entries stand in the order of their receipt by one clock: a little is for its slewing. Of others' clocks likewise. */
const CLOCK_TOLERANCE_MS = 60_000;
/** From its receipt an entry is some seconds on its way into the log, and its shard's head a minute into a directory. */
const LATE_TOLERANCE_MS = 15 * 60_000;
const MAX_NOTES = 20;

/** Entries one behind the other of which the same can be said. */
interface Stretch {
  first: number;
  last: number;
  /** Milliseconds: what the entry says that is furthest off. */
  extremeMs: number;
}

export function createReceivedTimes(attested: readonly AttestedHead[]): ReceivedTimes {
  const notes: string[] = [];
  let more = 0;
  const note = (words: string): void => {
    if (notes.length < MAX_NOTES) notes.push(words);
    else more++;
  };
  const heads = attested.filter(({ size }) => size > 0).toSorted((a, b) => a.size - b.size || a.timeMs - b.timeMs);
  const earliestFrom = earliestOfFollowing(heads);
  let passed = 0;
  let latestPassed: AttestedHead | null = null;
  let newest: { index: number; ms: number } | null = null;

  const back = stretches(Math.min, note, (which, ms, than) => {
    return `${which} to have been received at ${iso(ms)}, and behind ${than}: a clock was set back, a journal came late, or back-dated`;
  });
  const early = stretches(Math.max, note, (which, ms, than) => {
    return `${which} to have been received at ${iso(ms)}, and stood in the log by ${than}: the collector's clock was ahead, or the time is made up`;
  });
  const late = stretches(Math.min, note, (which, ms, than) => {
    return `${which} to have been received at ${iso(ms)}, and came after ${than}: a journal came late, a clock was behind, or back-dated`;
  });

  return {
    add: (index, receivedTime) => {
      const ms = Date.parse(receivedTime);
      for (let head = heads[passed]; head !== undefined && head.size <= index; head = heads[++passed])
        if (latestPassed === null || head.timeMs > latestPassed.timeMs) latestPassed = head;
      const isBack = newest !== null && ms < newest.ms - CLOCK_TOLERANCE_MS;
      back.see(index, ms, isBack && newest !== null ? `entry ${newest.index}, received at ${iso(newest.ms)}` : null);
      const next = earliestFrom[passed];
      early.see(index, ms, next !== undefined && ms > next.timeMs + CLOCK_TOLERANCE_MS ? headWords(next) : null);
      const isLate = latestPassed !== null && ms < latestPassed.timeMs - LATE_TOLERANCE_MS;
      late.see(index, ms, isLate && latestPassed !== null ? headWords(latestPassed) : null);
      if (newest === null || ms > newest.ms) newest = { index, ms };
    },
    finish: () => {
      for (const kind of [back, early, late]) kind.close();
      return more === 0 ? notes : [...notes, `… and ${more} more of times that do not fit.`];
    },
  };
}

/** Joins what is said of entries one behind the other, as long as they are held against the same thing. */
function stretches(
  extreme: (a: number, b: number) => number,
  note: (words: string) => void,
  words: (which: string, extremeMs: number, than: string) => string,
) {
  let open: (Stretch & { than: string }) | null = null;
  const close = (): void => {
    if (open === null) return;
    const { first, last, extremeMs, than } = open;
    open = null;
    const which = first === last ? `Entry ${first} says` : `Entries ${first} to ${last} say`;
    note(`${words(which, extremeMs, than)}.`);
  };
  return {
    close,
    /** `than`: what the entry contradicts; null when it fits. */
    see: (index: number, ms: number, than: string | null): void => {
      if (open !== null && open.than === than) {
        open.last = index;
        open.extremeMs = extreme(open.extremeMs, ms);
        return;
      }
      close();
      if (than !== null) open = { first: index, last: index, extremeMs: ms, than };
    },
  };
}

/** For each head, the earliest of it and those after it: an entry below it was there by then. */
function earliestOfFollowing(heads: readonly AttestedHead[]): AttestedHead[] {
  const earliest = [...heads];
  for (let at = earliest.length - 2; at >= 0; at--) {
    const [here, after] = [earliest[at], earliest[at + 1]];
    if (here !== undefined && after !== undefined && after.timeMs < here.timeMs) earliest[at] = after;
  }
  return earliest;
}

function headWords({ size, timeMs, by }: AttestedHead): string {
  return `${iso(timeMs)} as its head of ${size} entries attests (${by})`;
}

function iso(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
