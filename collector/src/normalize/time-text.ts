import { rfc3339FromUnixNano } from "@runledger/contract";

const NANOS_PER_SECOND = 1_000_000_000n;
/** As many as a request's spans are usually spread over. */
const MAX_SECONDS = 64;
/** Of `2026-01-02T03:04:05.` */
const CHARS_TO_THE_POINT = 20;

/** `rfc3339FromUnixNano` for times that are near each other: of a second that is known, only the fraction is written. */
export function createTimeTexts(): (unixNano: bigint) => string {
  const known = new Map<bigint, string>();
  const textOf = (start: bigint) => {
    let text = known.get(start);
    if (text === undefined) {
      text = rfc3339FromUnixNano(start).slice(0, CHARS_TO_THE_POINT);
      if (known.size >= MAX_SECONDS) known.clear();
      known.set(start, text);
    }
    return text;
  };
  let second = 0n;
  let text = textOf(second);
  return (nanos) => {
    let fraction = Number(nanos - second);
    if (fraction < 0 || fraction >= Number(NANOS_PER_SECOND)) {
      second = nanos - (nanos % NANOS_PER_SECOND);
      text = textOf(second);
      fraction = Number(nanos - second);
    }
    return `${text}${String(fraction).padStart(9, "0")}Z`;
  };
}
