import type { RunledgerRecord } from "@runledger/contract";
import { count, shortened } from "./html-text.ts";

/** Contents of a step, shortened for a reader; null where there is none or it was not exported. */
export interface StepContents {
  arguments: string | null;
  result: string | null;
  response: string | null;
  output: string | null;
}

/** One line of the trail: what happened, and quoted content. Plain text, to be escaped by whoever shows it. */
export interface TrailLine {
  time: string;
  index: number;
  /** Of the log that the index is of, where there are several. */
  shard?: string;
  isError: boolean;
  sentence: string;
  quotes: { label: string; text: string }[];
}

/** A record in plain words; null for signs of life, which tell nothing. */
export function trailLine(index: number, record: RunledgerRecord, contents: StepContents): TrailLine | null {
  const sentence = sentenceOf(record);
  if (sentence === null) return null;
  const quotes = Object.entries(quotesOf(record, contents)).flatMap(([label, text]) =>
    text === null ? [] : [{ label, text }],
  );
  return {
    time: record.event === "run_end" ? record.end_time : record.start_time,
    index,
    isError: record.status === "error",
    sentence: sentence + failure(record),
    quotes,
  };
}

function sentenceOf(record: RunledgerRecord): string | null {
  switch (record.event) {
    case "run_heartbeat":
    case "log":
    case "metric":
      return null;
    case "run_start":
      return `The run began${forWhom(record)}.`;
    case "run_end":
      return endSentence(record);
    case "act":
      return null; // acts have a table of their own
    default:
      return stepSentence(record);
  }
}

function stepSentence(record: RunledgerRecord): string {
  const { kind, llm } = record;
  const name = shortened(record.name);
  const took = `in ${duration(record)}`;
  switch (kind) {
    case "llm":
      return llm === null ? `A model was called (${name}) ${took}.` : modelSentence(record, llm, took);
    case "tool":
      return toolSentence(record, name, took);
    case "decision":
      return decisionSentence(record, name);
    case "guardrail":
      return guardrailSentence(record, name);
    case "approval":
      return approvalSentence(record, name);
    case "handoff":
      return `The agent handed over${record.handoff === undefined ? "" : ` to “${shortened(record.handoff.to)}”`}: ${name}.`;
    case "limit":
      return limitSentence(record, name);
    case "agent":
      return `The agent “${record.run.agent_name === null ? name : shortened(record.run.agent_name)}” worked ${took}.`;
    case "state":
      return `State was saved: ${name}.`;
    default:
      return `${name}${scoreOf(record)} (${took}).`;
  }
}

function decisionSentence({ decision }: RunledgerRecord, name: string): string {
  if (decision === undefined) return `The agent decided: ${name}.`;
  const { choice, options, confidence } = decision;
  const chosen = choice === null ? "what it chose is not known" : `“${shortened(choice)}”`;
  const among = options.length === 0 ? "" : `, out of ${shortened(options.map((one) => `“${one}”`).join(", "))}`;
  return `The agent decided, ${name}: ${chosen}${among}${confidence === null ? "" : `, with confidence ${confidence}`}.`;
}

function guardrailSentence({ guardrail, status }: RunledgerRecord, name: string): string {
  const passed = guardrail?.passed ?? status !== "error";
  const target = guardrail?.target ? ` “${shortened(guardrail.target)}”` : passed ? " it" : "";
  const rule = guardrail?.rule ? `, by the rule “${shortened(guardrail.rule)}”` : "";
  return `The guardrail “${name}” ${passed ? `let${target} pass` : `refused${target}`}${rule}.`;
}

function approvalSentence({ approval }: RunledgerRecord, name: string): string {
  if (approval === undefined) return `A person was asked for approval: ${name}.`;
  const by = approval.by === null ? "A function of the agent’s, in a person’s place," : `“${shortened(approval.by)}”`;
  const tool = approval.tool === null ? name : `the tool “${shortened(approval.tool)}”`;
  return `${by} ${approval.approved ? "approved" : "denied"} ${tool}.`;
}

function limitSentence({ limit }: RunledgerRecord, name: string): string {
  const reached = limit === undefined ? "" : `, ${limit.reached} reached of at most ${limit.max}`;
  return `A limit stopped it: ${name}${reached}.`;
}

function scoreOf({ score }: RunledgerRecord): string {
  if (score === undefined) return "";
  const told = [score.value, score.label && shortened(score.label)].filter((one) => one !== null && one !== "");
  return told.length === 0 ? "" : `: ${told.join(", ")}`;
}

function toolSentence({ tool }: RunledgerRecord, stepName: string, took: string): string {
  const name = tool === null ? stepName : shortened(tool.name);
  if (tool?.inferred)
    return `The model asked for the tool “${name}”; ${tool.result_sha256 === null ? "no result was seen" : "its result was seen in the messages"}.`;
  return `The agent called the tool “${name}”${attemptOf(tool?.attempt ?? null)} ${took}${tool === null ? "" : safetyOf(tool)}.`;
}

/** How the call was let through, where the agent told. */
function safetyOf({
  side_effect,
  permission,
  principal,
  confirmed,
  same_as,
  fallback,
}: NonNullable<RunledgerRecord["tool"]>): string {
  const told = [
    side_effect === "irreversible" ? "what it does can’t be undone" : null,
    confirmed === undefined ? null : confirmed ? "confirmed before" : "not confirmed",
    permission === undefined ? null : `permission “${shortened(permission)}”`,
    principal === undefined ? null : `on behalf of “${shortened(principal)}”`,
    same_as === undefined ? null : "nothing ran: it was given the result of an earlier call with the same key",
    fallback ? "its fallback stood in for the result" : null,
  ].filter((one) => one !== null);
  return told.length === 0 ? "" : ` (${told.join("; ")})`;
}

function modelSentence(record: RunledgerRecord, llm: NonNullable<RunledgerRecord["llm"]>, took: string): string {
  const model = shortened(llm.response_model ?? llm.request_model ?? "a model");
  const read = llm.input_tokens === null ? "" : `, which read ${count(llm.input_tokens)} tokens`;
  const wrote = llm.output_tokens === null ? "" : ` and wrote ${count(llm.output_tokens)}`;
  const cost = record.cost === null ? "" : `, for $${record.cost.usd.replace(/0+$/, "").replace(/\.$/, "")}`;
  const asked = shortened(llm.tool_requests.map(({ name }) => `“${name}”`).join(", "));
  const tools = asked === "" ? "" : ` It asked for the tool${llm.tool_requests.length === 1 ? "" : "s"} ${asked}.`;
  return `The agent asked the model ${model}${read}${wrote} ${took}${cost}.${tools}`;
}

function endSentence({ end }: RunledgerRecord): string {
  if (end === null) return "The run ended.";
  const outcome = end.outcome === null ? "" : `, outcome “${shortened(end.outcome)}”`;
  const reason = end.reason === null ? "" : ` Reason: ${shortened(end.reason)}.`;
  return `The run ended: ${end.status.replace("_", " ")}${outcome}.${reason}`;
}

function forWhom({ run }: RunledgerRecord): string {
  const agent = run.agent_name === null ? "" : `: agent “${shortened(run.agent_name)}”`;
  const version = run.agent_version === null ? "" : `, version ${shortened(run.agent_version)}`;
  const task = run.task_type === null ? "" : `, task “${shortened(run.task_type)}”`;
  const user = run.user_id === null ? "" : `, for user “${shortened(run.user_id)}”`;
  return `${agent}${version}${task}${user}`;
}

function quotesOf({ kind }: RunledgerRecord, contents: StepContents): Record<string, string | null> {
  if (kind === "tool") return { with: contents.arguments, answer: contents.result };
  if (kind === "llm") return { answer: contents.response };
  const isReasoned = kind === "decision" || kind === "guardrail" || kind === "approval";
  return isReasoned ? { reason: contents.output } : { result: contents.output };
}

function failure({ status, error }: RunledgerRecord): string {
  if (status !== "error") return "";
  if (error === null) return " It failed.";
  return ` It failed: ${shortened(error.type)}${error.message === null ? "" : `: ${shortened(error.message)}`}`.replace(
    /[.\s]*$/,
    ".",
  );
}

function attemptOf(attempt: number | null): string {
  return attempt === null || attempt < 2 ? "" : `, attempt ${attempt},`;
}

function duration({ start_time, end_time }: RunledgerRecord): string {
  const ms = Math.max(0, Date.parse(end_time) - Date.parse(start_time));
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
