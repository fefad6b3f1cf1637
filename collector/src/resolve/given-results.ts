import type { ToolRequest } from "./inferred-tools.ts";
import { compare, inOrder, notBefore, type StepFact } from "./step-fact.ts";

/** What a model was given for a tool call that it had asked for. */
export interface GivenResult {
  sha256: string;
  bytes: number;
  isError: boolean;
  /** The record of the call that it was given in. */
  record: StepFact;
}

/** What was given for each request: by its id, or where neither has one by the tool's name, in order. `talking`: every record that may bring results. */
export function resultsOf(
  requests: readonly ToolRequest[],
  talking: readonly StepFact[],
): ReadonlyMap<ToolRequest, GivenResult> {
  const given = resultsByKey(talking);
  const found = new Map<ToolRequest, GivenResult>();
  const taken = new Set<string>();
  const find = (request: ToolRequest, key: string) => {
    const { source, spans, until } = request;
    const results = given.get(key) ?? [];
    for (let at = firstFrom(results, source.start_time); at < results.length; at++) {
      const { result, slot } = results[at] as Slotted;
      const { start_time, step_id } = result.record;
      if (start_time >= until) return;
      if (spans.has(step_id) || !notBefore(start_time, source.end_time) || taken.has(slot)) continue;
      found.set(request, result);
      if (request.callId === "") taken.add(slot);
      return;
    }
  };
  const nameless = requests.filter(({ callId }) => callId === "");
  for (const request of requests) if (request.callId !== "") find(request, ofId(request.callId));
  // First beside the call that asked: others may be under way that ask for the same.
  for (const request of nameless) find(request, ofNameIn(request.source.parent_id, request.name, request.nth));
  for (const request of nameless) if (!found.has(request)) find(request, ofName(request.name, request.nth));
  return found;
}

interface Slotted {
  result: GivenResult;
  /** The same for those that repeat one without id: of a call's twins and logs. */
  slot: string;
}

/** In order of time. Several records of one call, or a log beside it, bring the same again. */
function resultsByKey(talking: readonly StepFact[]): Map<string, Slotted[]> {
  const given = new Map<string, Slotted[]>();
  const add = (key: string, result: Slotted) => {
    const known = given.get(key);
    if (known === undefined) given.set(key, [result]);
    else known.push(result);
  };
  for (const record of talking.toSorted(inOrder)) {
    const seen = new Map<string, number>();
    for (const [index, callId] of record.tool_result_ids.entries()) {
      const result = {
        sha256: record.tool_result_sha256[index] ?? "",
        bytes: record.tool_result_bytes[index] ?? 0,
        isError: record.tool_result_errors[index] ?? false,
        record,
      };
      const name = record.tool_result_names[index] ?? "";
      if (callId !== "") add(ofId(callId), { result, slot: "" });
      else if (name !== "") {
        const nth = seen.get(name) ?? 0;
        seen.set(name, nth + 1);
        const slotted = { result, slot: `${record.step_id}\n${name}\n${nth}` };
        add(ofNameIn(record.parent_id, name, nth), slotted);
        add(ofName(name, nth), slotted);
      }
    }
  }
  return given;
}

function ofId(callId: string): string {
  return `id ${callId}`;
}

function ofName(name: string, nth: number): string {
  return `${nth} ${name}`;
}

function ofNameIn(parentId: string, name: string, nth: number): string {
  return `in ${parentId} ${nth} ${name}`;
}

/** Where in these, which are in order, those of calls that began from then on are. */
function firstFrom(results: readonly Slotted[], time: string): number {
  let low = 0;
  for (let high = results.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (compare((results[middle] as Slotted).result.record.start_time, time) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
