import { createDigestSet } from "../bundle/digest-set.ts";
import { createSecretDigest } from "../bundle/secret-digest.ts";
import { AGENT_FACT_NAMES, TOOL_SAFETY_NAMES } from "../record/agent-facts.ts";
import type { RunLink } from "./run-chain.ts";

/** Records that are there more than once: sent again, and kept again by another shard or long after. The first one counts. */
export interface ToldAgain {
  /** `first`: of this id none was remembered · `same`: that one again, whatever else is said of it (`notes`) · `other`: under its id, another. */
  add(record: RunLink): "first" | "same" | "other";
  /** No further ones are remembered. */
  readonly isFull: boolean;
  /** Of those that are told again with other facts. */
  notes(): string[];
}

/** At 20 to 40 bytes each. */
const MAX_REMEMBERED = 1 << 24;
const MAX_NOTES = 20;
/** Against one record that is remembered: who does not know the secret has one try in 2^32. */
const DIGEST_DIGITS = 8;

/** @param secret random bytes, 16 at least. */
export function createToldAgain(secret: Uint8Array): ToldAgain {
  const ids = createDigestSet(secret);
  const digestOf = createSecretDigest(secret, DIGEST_DIGITS);
  const digest = (said: unknown[]): number => Number.parseInt(digestOf(JSON.stringify(said)), 16);
  /** Two each, in the order of the ids: of the identity, and of the facts. */
  let digests = new Uint32Array(1 << 12);
  const notes: string[] = [];
  let more = 0;
  return {
    add(record) {
      const id = `${record.tenant}\n${record.record_id}`;
      const isFull = ids.size >= MAX_REMEMBERED;
      if (isFull ? !ids.has(id) : ids.add(id)) {
        if (isFull) return "first";
        const last = 2 * ids.size - 2;
        if (last === digests.length) digests = twiceAsLong(digests);
        digests[last] = digest(identityOf(record));
        digests[last + 1] = digest(factsOf(record));
        return "first";
      }
      const at = 2 * ids.indexOf(id);
      if (digests[at] !== digest(identityOf(record))) return "other";
      if (digests[at + 1] === digest(factsOf(record))) return "same";
      if (notes.length < MAX_NOTES) notes.push(noteOf(record));
      else more++;
      return "same";
    },
    get isFull() {
      return ids.size >= MAX_REMEMBERED;
    },
    notes: () => (more === 0 ? notes : [...notes, `… and ${more} more that are told again with other facts.`]),
  };
}

function twiceAsLong(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}

/**
 * What a record's id is of, as far as every collector of any version tells it alike: another is not the same record. Of a numbered one, which is our SDK's own,
 * that is more than of a foreign span, which a later version may read better. A log record without a time of its own has that of its receipt.
 */
function identityOf(record: RunLink): unknown[] {
  const { event, run_id, run_seq, run_prev, trace_id, step_id, parent_id, start_time, end_time, received_time } =
    record;
  const times = event === "log" && start_time === received_time ? [] : [start_time, end_time];
  const span = [trace_id, step_id, parent_id, times];
  if (run_seq === null) return span;
  return [...span, event, run_id, run_seq, run_prev ?? null, outcomeOf(record), saidOf(record)];
}

/** What the agent itself says there: how a tool call was let through, its decision, a person's approval, a guardrail's verdict, … */
function saidOf(record: RunLink): unknown[] {
  const { name, operation, error, tool } = record;
  const safety = tool && TOOL_SAFETY_NAMES.map((each) => tool[each] ?? null);
  return [name, operation, error, safety, ...AGENT_FACT_NAMES.map((each) => record[each] ?? null)];
}

function outcomeOf({ status, end, tool }: RunLink): unknown[] {
  const ended = end && [end.status, end.outcome, end.reason, end.records];
  const called = tool && [tool.name, tool.arguments_sha256, tool.result_sha256];
  return [status, ended, called];
}

/** What `runs.json` and sums are made of (`run-facts.ts`), what was asked and decided, and what no dialect claimed. */
function factsOf(record: RunLink): unknown[] {
  const { event, kind, run_id, run, llm, cost, attributes, events } = record;
  const about = [run.agent_name, run.agent_version, run.task_id, run.task_type, run.session_id, run.user_id];
  const call = llm && [llm.request_model, llm.response_model, llm.counted, llm.input_tokens, llm.output_tokens];
  const prompt = llm && [llm.system_prompt_sha256, llm.prompt_sha256, llm.tools_sha256];
  const answer = llm && [llm.response_id, llm.finish_reasons, llm.tool_requests];
  const priced = cost && [cost.usd, cost.price_table, cost.price_version];
  const told = [outcomeOf(record), saidOf(record), attributes, events];
  return [event, kind, run_id, about, call, prompt, answer, priced, told];
}

function noteOf({ record_id, run_id }: RunLink): string {
  return (
    `Record ${record_id} of run ${run_id} is told again with other facts (whose, status, model, prompt, tokens, cost, tool, attributes, …); the first counts. ` +
    "A collector of another version or price table read it anew, or somebody made it up."
  );
}
