import type { StepRow } from "@runledger/contract";
import { areAtOnce, endTogether, isAround } from "./at-once.ts";
import { answerOf, EMBEDDINGS, mayHaveSameWords, questionOf, sameError } from "./call-words.ts";
import { MIN_UNIQUE_ID_CHARS, sameModel, sameTime, sameUsage, usageKnown } from "./same-call.ts";
import { isSameProcess, mayBeSameProcess } from "./same-process.ts";
import { MINUTES_APART, minuteOf, overlap, sourceOf } from "./step-fact.ts";

/** Of a model call's row, what is compared with what another instrumentation tells of it. */
export const TOLD_COLUMNS = [
  "record_id",
  "run_id",
  "dialect",
  "scope_name",
  "process",
  "start_time",
  "end_time",
  "status",
  "operation",
  "error_message",
  "request_model",
  "response_model",
  "response_id",
  "prompt_sha256",
  "finish_reasons",
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "streaming",
  "tool_request_ids",
  "tool_request_names",
  "tool_request_arguments",
  "tool_result_ids",
  "input_preview",
  "output_preview",
] as const satisfies readonly (keyof StepRow)[];

export type ToldCall = Pick<StepRow, (typeof TOLD_COLUMNS)[number]>;

/**
 * Whether two records are one call though they have no response id in common: by different instrumentations, in different runs, in one process, the one
 * within the other's time, and nothing that both tell contradicting. Then the same ids of what the model asked for suffice; else the words that were asked
 * last, something more of what went in and something of what came out must be the same; or, since words may not be told, both must be known to be of one
 * process, the one around the other, and begin and end at once, or end together and tell the same of how it ended. Of two records it is always the same answer.
 */
export function areAlike(a: ToldCall, b: ToldCall): boolean {
  return (
    sourceOf(a) !== sourceOf(b) &&
    a.run_id !== b.run_id &&
    (a.response_id === "" || b.response_id === "") &&
    Math.abs(minuteOf(a) - minuteOf(b)) <= MINUTES_APART &&
    sameTime(a, b) &&
    isConsistent(a, b) &&
    (haveUniqueIds(a, b) || haveEvidence(a, b) || areOneInProcess(a, b))
  );
}

function areOneInProcess(a: ToldCall, b: ToldCall): boolean {
  if (!isAround(a, b) || !isSameProcess(a.process, b.process)) return false;
  return areAtOnce(a, b) || (endTogether(a, b) && endTheSame(a, b));
}

/** Calls of one run at one moment, or with one response id, may be one call as well: then all that is alike to either of them must be seen. */
export function mayBeTogether(a: ToldCall, b: ToldCall): boolean {
  const isNamed = a.run_id === b.run_id || (a.response_id !== "" && a.response_id === b.response_id);
  return isNamed ? overlap(a, b) : areAlike(a, b);
}

/** The provider's ids of the tool calls that were asked for: nothing else is needed. */
export function haveUniqueIds(a: ToldCall, b: ToldCall): boolean {
  const known = new Set(a.tool_request_ids.filter((id) => id.length >= MIN_UNIQUE_ID_CHARS));
  return (
    known.size > 0 && known.size === a.tool_request_ids.length && sameItems(a.tool_request_ids, b.tool_request_ids)
  );
}

function isConsistent(a: ToldCall, b: ToldCall): boolean {
  return (
    (a.status === "error") === (b.status === "error") &&
    (a.error_message === "" || b.error_message === "" || sameError(a, b)) &&
    sameModel(a, b) &&
    mayBeSameProcess(a.process, b.process) &&
    mayHaveSameWords(a, b) &&
    (a.streaming === null || b.streaming === null || a.streaming === b.streaming) &&
    (!usageKnown(a) || !usageKnown(b) || sameUsage(a, b) || sameUsage(b, a)) &&
    (a.finish_reasons.length === 0 || b.finish_reasons.length === 0 || isCutOff(a) === isCutOff(b)) &&
    mayAskTheSame(a, b) &&
    (a.tool_result_ids.length === 0 ||
      b.tool_result_ids.length === 0 ||
      sameItems(a.tool_result_ids, b.tool_result_ids))
  );
}

function haveEvidence(a: ToldCall, b: ToldCall): boolean {
  if (questionOf(a) === "" || questionOf(b) === "") return false;
  // Of them nothing comes out but vectors.
  if (a.operation === EMBEDDINGS || b.operation === EMBEDDINGS) return true;
  const wentIn =
    (a.prompt_sha256 !== "" && a.prompt_sha256 === b.prompt_sha256) ||
    (a.input_tokens !== null && b.input_tokens !== null) ||
    (a.tool_result_ids.length > 0 && b.tool_result_ids.length > 0);
  const cameOut =
    (a.output_tokens !== null && b.output_tokens !== null) ||
    (answerOf(a) !== "" && answerOf(b) !== "") ||
    (asksWhole(a) && asksWhole(b)) ||
    (a.status === "error" && sameError(a, b));
  return wentIn && cameOut;
}

/** Of those that are consistent: both tell the tokens that went in and came out, or the error. */
function endTheSame(a: ToldCall, b: ToldCall): boolean {
  if (a.status === "error") return sameError(a, b);
  const bothTell = (of: "input_tokens" | "output_tokens") => a[of] !== null && b[of] !== null;
  return bothTell("input_tokens") && (bothTell("output_tokens") || a.operation === EMBEDDINGS);
}

/** Of the words for how an answer ended, those for one that is not whole; for the others libraries have too many. */
function isCutOff({ finish_reasons: [reason = ""] }: ToldCall): boolean {
  return /length|max_.*tokens|incomplete|filter|refusal|safety/i.test(reason);
}

/** Who tells no tool calls may not know of any. */
function mayAskTheSame(a: ToldCall, b: ToldCall): boolean {
  if (!asksWhole(a) || !asksWhole(b)) return true;
  const fit = (of: "tool_request_ids" | "tool_request_arguments") =>
    a[of].every((one, n) => one === "" || b[of][n] === "" || one === b[of][n]);
  return (
    a.tool_request_names.length === b.tool_request_names.length &&
    a.tool_request_names.every((name, n) => name === b.tool_request_names[n]) &&
    fit("tool_request_ids") &&
    fit("tool_request_arguments")
  );
}

/** Langfuse throws the parallel calls of a stream together: one name, no id, their arguments one behind the other as a text, no words. */
function asksWhole({ tool_request_names: [name], tool_request_ids: [id], output_preview }: ToldCall): boolean {
  return name !== undefined && (id !== "" || !output_preview.startsWith(`${name}("`));
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === new Set(a).size && new Set(a).size === new Set(b).size;
}
