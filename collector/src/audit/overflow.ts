import { AGENT_FACT_NAMES, type AgentFacts, canonicalJson, type RunledgerRecord } from "@runledger/contract";
import { wellFormed } from "./entry.ts";

/** A record that fits an entry, and the JSON object of the members that were moved out of it or cut: `{...record, ...moved}` is the whole. */
export interface SplitRecord {
  record: RunledgerRecord;
  movedText: string;
}

const MAX_CUT_CHARS = 150;
/** Of the agent's own words, of which a record has one kind at most if it means well; a hash fits. */
const MAX_CUT_FACT_CHARS = 64;
const MAX_CUT_ITEMS = 4;

/** Moves out what usually makes a record large: attributes, events and links. */
export function moveLargeMembers(record: RunledgerRecord): SplitRecord {
  const { attributes, events, links } = record;
  return {
    record: { ...record, attributes: {}, events: [], links: [] },
    movedText: canonicalJson(wellFormed({ attributes, events, links })),
  };
}

/**
 * For a record that is still too large: its resource and scope attributes move out too, and every other member that holds a long text is kept whole
 * aside while the entry has a cut one. At most 45 texts of 150 characters remain and 15 short ones, six bytes each when escaped.
 */
export function cutAllMembers(record: RunledgerRecord): SplitRecord {
  const { payloads, ...members } = record;
  const cut: RunledgerRecord = {
    ...record,
    attributes: {},
    events: [],
    links: [],
    resource: {},
    tenant: cutText(record.tenant),
    name: cutText(record.name),
    operation: record.operation && cutText(record.operation),
    run_id: cutText(record.run_id),
    parent_id: record.parent_id && cutText(record.parent_id),
    dialect: cutText(record.dialect),
    error: record.error && cutTexts(record.error),
    run: cutTexts(record.run),
    llm: record.llm && {
      ...cutTexts(record.llm),
      finish_reasons: record.llm.finish_reasons.slice(0, MAX_CUT_ITEMS).map((text) => cutText(text)),
      tool_requests: record.llm.tool_requests.slice(0, MAX_CUT_ITEMS).map((members) => cutTexts(members)),
      tool_results: record.llm.tool_results.slice(0, MAX_CUT_ITEMS).map((members) => cutTexts(members)),
    },
    tool: record.tool && cutTexts(record.tool),
    end: record.end && cutTexts(record.end),
    ...cutAgentFacts(record),
    scope: cutTexts({ name: record.scope.name, version: record.scope.version }),
  };
  const moved = Object.entries(members).filter(([name, member]) => {
    const kept = Object.entries(cut).find(([cutName]) => cutName === name)?.[1];
    return canonicalJson(wellFormed(member)) !== canonicalJson(wellFormed(kept));
  });
  return { record: cut, movedText: canonicalJson(wellFormed(Object.fromEntries(moved))) };
}

/** Of an entry whose moved members can't be opened any more, and whose name may be cut: without the beginnings of a long name and of what went wrong. */
export function withoutCutTexts(entry: RunledgerRecord): RunledgerRecord {
  const { run, error, end } = entry;
  // Of one that has its name whole, a rebuild knows whose it is.
  if (run.user_id?.length !== MAX_CUT_CHARS) return entry;
  return {
    ...entry,
    run: { ...run, user_id: null },
    error: error && { ...error, message: null },
    end: end && { ...end, reason: null },
  };
}

function cutAgentFacts(record: RunledgerRecord): AgentFacts {
  const { decision } = record;
  const cutFact = (text: string) => cutText(text, MAX_CUT_FACT_CHARS);
  const present = AGENT_FACT_NAMES.flatMap((name) => {
    const fact = record[name];
    return fact === undefined ? [] : [[name, cutTexts(fact, MAX_CUT_FACT_CHARS)]];
  });
  const options = decision && { options: decision.options.slice(0, MAX_CUT_ITEMS).map(cutFact) };
  return {
    ...Object.fromEntries(present),
    ...(options && { decision: { ...cutTexts(decision, MAX_CUT_FACT_CHARS), ...options } }),
  };
}

function cutTexts<Members extends object>(members: Members, maxChars = MAX_CUT_CHARS): Members {
  const cut = Object.entries(members).map(([key, value]) => [
    key,
    typeof value === "string" ? cutText(value, maxChars) : value,
  ]);
  return { ...members, ...Object.fromEntries(cut) };
}

function cutText(text: string, maxChars = MAX_CUT_CHARS): string {
  return text.length <= maxChars ? text : text.slice(0, maxChars).toWellFormed();
}
