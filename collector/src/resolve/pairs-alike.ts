import { areAlike, haveUniqueIds } from "./alike.ts";
import { mayBeOne } from "./call-group.ts";
import type { AlikeCall, AlikeCalls, Who } from "./calls-alike.ts";
import { matched, type Pair } from "./matching.ts";
import { inOrder, sourceOf } from "./step-fact.ts";
import type { Call } from "./twins.ts";

/**
 * The calls, those together that are one by what they tell, though not by an id: of K calls at one moment that two instrumentations tell in the same words, K
 * pairs. Calls whose like are not all in view stay alone. The same for the same set of calls.
 */
export function pairsAlike(calls: readonly Call[], alike: AlikeCalls): Call[][] {
  const inView = toldInView(calls, alike);
  const toldOf = (call: Call) => call.members.flatMap(({ record_id }) => inView.get(record_id) ?? []);
  const [told, others] = split(calls, (call) => toldOf(call).length > 0);
  const groups: Call[][] = [];
  // One instrumentation after the other: what it tells is paired with what those before it told.
  const bySource = Map.groupBy(
    told.toSorted((a, b) => inOrder(a.counts, b.counts)),
    firstSourceOf,
  );
  for (const [, ofSource] of [...bySource].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const pairs = groups.flatMap((group) => ofSource.flatMap((call) => pairOf(group, call, toldOf)));
    const groupOf = matched(pairs);
    for (const call of ofSource) {
      const group = groupOf.get(call);
      if (group === undefined) groups.push([call]);
      else group.push(call);
    }
  }
  return [...groups, ...others.map((call) => [call])];
}

function toldInView(calls: readonly Call[], alike: AlikeCalls): Map<string, AlikeCall> {
  const seen = new Set(calls.flatMap(({ members }) => members.map(({ record_id }) => record_id)));
  const hidden = new Set<string>();
  for (const [recordId, { group }] of alike) if (!seen.has(recordId)) hidden.add(group);
  return new Map([...alike].filter(([, { group }]) => !hidden.has(group)));
}

function split<Item>(items: readonly Item[], test: (item: Item) => boolean): [yes: Item[], no: Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function firstSourceOf({ members }: Call): string {
  return members.map(sourceOf).sort()[0] ?? "";
}

function pairOf(group: Call[], call: Call, toldOf: (call: Call) => AlikeCall[]): Pair<Call[], Call>[] {
  if (!group.every((one) => mayBeOne(one, call) && haveNoTwoIds(one, call))) return [];
  const distances = group.flatMap(toldOf).flatMap((one) => toldOf(call).flatMap((other) => distanceOf(one, other)));
  return distances.length === 0 ? [] : [{ left: group, right: call, distance: Math.min(...distances) }];
}

/** With ids both told, they would be one by these. */
function haveNoTwoIds(a: Call, b: Call): boolean {
  const named = ({ members }: Call) => members.some(({ response_id }) => response_id !== "");
  return !named(a) || !named(b);
}

/** [] when they are not one call; else ms between their beginnings and between their ends. */
function distanceOf(a: AlikeCall, b: AlikeCall): number[] {
  if (a.group !== b.group || !areAlike(a, b) || (isOfAnother(a.who, b.who) && !haveUniqueIds(a, b))) return [];
  const apart = (of: "start_time" | "end_time") => Math.abs(Date.parse(a[of]) - Date.parse(b[of]));
  return [apart("start_time") + apart("end_time")];
}

/** Agents, sessions or people that both tell and name differently: they may do the same at one moment. */
function isOfAnother(a: Who, b: Who): boolean {
  return (["agent", "session", "user"] as const).some((of) => a[of] !== "" && b[of] !== "" && a[of] !== b[of]);
}
