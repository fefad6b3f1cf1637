/** A tool call of a run, as far as loops are told by it. */
export interface SequencedCall {
  stepId: string;
  time: string;
  tool: string;
  /** Hashes; "" when not known. */
  arguments: string;
  result: string;
  /** Type and text; null: it went well, or nobody knows. */
  error: string | null;
  sideEffect: boolean;
}

/** The calls that show a loop, in order, and how often it went round. */
export interface SequenceFinding {
  count: number;
  calls: readonly SequencedCall[];
}

const MIN_PERIOD = 2;
const MAX_PERIOD = 6;

/** `loop.cycle`: the last calls repeat a period of 2 to 6 different ones, the same each time; null: they don't. The shortest period. */
export function cycleAtEnd(calls: readonly SequencedCall[], minRounds: number): SequenceFinding | null {
  const keys = calls.map((call) => (call.arguments === "" ? null : `${call.tool}\n${call.arguments}`));
  for (let period = MIN_PERIOD; period <= MAX_PERIOD; period++) {
    const last = keys.slice(-period);
    // Of one call again and again speaks loop.repeat.
    if (last.length < period || last.includes(null) || new Set(last).size === 1) continue;
    let same = period;
    while (same < keys.length && keys[keys.length - 1 - same] === keys[keys.length - 1 - same + period]) same++;
    const rounds = Math.floor(same / period);
    if (rounds >= minRounds) return { count: rounds, calls: calls.slice(-rounds * period) };
  }
  return null;
}

/** `loop.no_progress`: the last calls of one tool, with other arguments each time or not, all came to the very same result. */
export function sameResultAtEnd(calls: readonly SequencedCall[], minCalls: number): SequenceFinding | null {
  for (const ofTool of Map.groupBy(calls, ({ tool }) => tool).values()) {
    const result = ofTool.at(-1)?.result ?? "";
    if (result === "") continue;
    const same = ofTool.slice(ofTool.findLastIndex((call) => call.result !== result) + 1);
    // With the same arguments the same result is no wonder: loop.repeat.
    if (same.length >= minCalls && new Set(same.map((call) => call.arguments)).size > 1)
      return { count: same.length, calls: same };
  }
  return null;
}

/** `loop.errors`: the last calls, of whatever tools, all failed, with the same error each. */
export function sameErrorAtEnd(calls: readonly SequencedCall[], minCalls: number): SequenceFinding | null {
  const last = calls.at(-1);
  if (last === undefined || last.error === null) return null;
  const isSame = (call: SequencedCall) => call.tool === last.tool && call.error === last.error;
  const same = calls.slice(calls.findLastIndex((call) => !isSame(call)) + 1);
  return same.length >= minCalls ? { count: same.length, calls: same } : null;
}

/** `side_effect.duplicate`: the same call with an effect on the world was done again and went well again. */
export function repeatedEffect(calls: readonly SequencedCall[], minCalls: number): SequenceFinding | null {
  const done = calls.filter((call) => call.sideEffect && call.error === null && call.arguments !== "");
  for (const same of Map.groupBy(done, (call) => `${call.tool}\n${call.arguments}`).values())
    if (same.length >= minCalls) return { count: same.length, calls: same };
  return null;
}
