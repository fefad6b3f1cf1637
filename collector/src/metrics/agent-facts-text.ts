import { AGENT_FACT_NAMES, type RunledgerRecord, rowText, toolSafety } from "@runledger/contract";

/** What a row holds of facts that an agent means well, whole; and of others, whose JSON is longer. Hashes fit either. */
const MAX_JSON_CHARS = 8_192;
const WHOLE = { chars: 1_024, items: 100 };
const LESS = { chars: 64, items: 16 };

/** The row's `agent_facts`. Texts in it are cut and lists end, so that it is never long. */
export function agentFactsText(record: Omit<RunledgerRecord, "payloads" | "conflict">): string {
  const { tool } = record;
  const told = AGENT_FACT_NAMES.flatMap((name) => (record[name] === undefined ? [] : [[name, record[name]]]));
  const safety = tool === null ? {} : toolSafety.parse(tool);
  const facts = { ...Object.fromEntries(told), ...(Object.keys(safety).length === 0 ? {} : { tool: safety }) };
  if (Object.keys(facts).length === 0) return "";
  const text = JSON.stringify(bounded(facts, WHOLE));
  return text.length <= MAX_JSON_CHARS ? text : JSON.stringify(bounded(facts, LESS));
}

function bounded(value: unknown, limits: typeof WHOLE): unknown {
  if (typeof value === "string") return rowText(value, limits.chars);
  if (Array.isArray(value)) return value.slice(0, limits.items).map((item) => bounded(item, limits));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, bounded(member, limits)]));
}
