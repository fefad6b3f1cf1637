import { isDeepStrictEqual } from "node:util";
import type { StepDetail } from "@runledger/contract";
import { DOCUMENT, EARLIER, EMBEDDED, PICTURE, QUESTION, RUN, SETTINGS, SYSTEM } from "./conversation/told.ts";
import { llmSteps } from "./model-facts.ts";
import type { Outcome } from "./run-scenario.ts";
import { toolSteps } from "./tool-facts.ts";

/** Something that the agent of `conversation/` did or said. */
export interface ToldFact {
  name: string;
  /** Does any telemetry that was sent say it? */
  sent(wire: Wire, outcome: Outcome): boolean;
  /** Does what the API shows say it, in the place for it? */
  held(outcome: Outcome): boolean;
}

/** Each span and log record as JSON, without the backslashes of JSON within JSON. */
interface Wire {
  all: readonly Told[];
  /** Those that tell of the first model call, and of nothing after it. */
  firstCall: readonly Told[];
}
interface Told {
  traceId: string;
  json: string;
}

type Sent = ToldFact["sent"];
type Llm = NonNullable<StepDetail["llm"]>;

const FIRST_ANSWER = "Let me see.";
const SECOND_ANSWER = "Shelf K12, unweighed.";
const RESULT = "K12";
const BROKEN = "the scales are broken";

const matches = (regex: RegExp) => (told: readonly Told[]) => told.some(({ json }) => regex.test(json));
const includes = (text: string) => (told: readonly Told[]) => told.some(({ json }) => json.includes(text));
/** As an attribute's value, or a member of JSON. */
const hasNumber = (value: number) => matches(new RegExp(`[:"]${String(value).replace(".", "\\.")}[,}"]`));

const anywhere =
  (test: (told: readonly Told[]) => boolean): Sent =>
  ({ all }) =>
    test(all);
const inFirstCall =
  (test: (told: readonly Told[]) => boolean): Sent =>
  ({ firstCall }) =>
    test(firstCall);

const chats = (outcome: Outcome) => llmSteps(outcome).filter(({ operation }) => operation !== "embeddings");
const embeddings = (outcome: Outcome) => llmSteps(outcome).filter(({ operation }) => operation === "embeddings");
const first = (outcome: Outcome) => chats(outcome)[0]?.llm;
const second = (outcome: Outcome) => chats(outcome)[1]?.llm;
const tool = (outcome: Outcome, name: string) => toolSteps(outcome).find((step) => step.name === name);
const steps = ({ runs }: Outcome) => runs.flatMap((run) => run.steps);
const says = (value: unknown, text: string) => JSON.stringify(value ?? null).includes(text);

function ofFirst(name: string, test: (told: readonly Told[]) => boolean, held: (llm: Llm) => boolean): ToldFact {
  return { name, sent: inFirstCall(test), held: (outcome) => isTrue(first(outcome), held) };
}

function isTrue<Value>(value: Value | undefined, test: (value: Value) => boolean): boolean {
  return value !== undefined && test(value);
}

/** A setting of the model, under whatever name. */
function setting(name: string, value: number | string): ToldFact {
  const isIt = (held: unknown) => held === value || (Array.isArray(held) && held.includes(value));
  const test = typeof value === "number" ? hasNumber(value) : includes(value);
  return ofFirst(name, test, ({ parameters }) => Object.values(Object(parameters)).some(isIt));
}

function tokens(name: string, of: typeof first, key: keyof Llm, value: number): ToldFact {
  return { name, sent: anywhere(hasNumber(value)), held: (outcome) => of(outcome)?.[key] === value };
}

/** Of every run whose telemetry says it. */
function ofRun(name: string, value: string, of: (run: Outcome["run"]) => string | null): ToldFact {
  const saying = ({ all }: Wire) => all.filter(({ json }) => json.includes(`"${value}"`));
  return {
    name,
    sent: (wire) => saying(wire).length > 0,
    held: (outcome) => {
      const ids = new Set(saying(wireOf(outcome)).map(({ traceId }) => traceId));
      const telling = outcome.runs.filter(({ run }) => ids.size === 0 || ids.has(run.run_id));
      return telling.every(({ run }) => of(run) === value);
    },
  };
}

function failure(name: string, message: string): ToldFact {
  const isIt = ({ error }: StepDetail) => error?.message?.includes(message) === true;
  return { name, sent: anywhere(includes(message)), held: (outcome) => chats(outcome).some(isIt) };
}

/** In the order in which they are in the table. */
export const TOLD_FACTS: readonly ToldFact[] = [
  ofRun("session", RUN.session, (run) => run.session_id),
  ofRun("user", RUN.user, (run) => run.user_id),
  ofRun("agent", RUN.agent, (run) => run.agent.name),
  ofRun("agent's version", RUN.version, (run) => run.agent.version),
  ofRun("task type", RUN.taskType, (run) => run.task_type),
  ofFirst(
    "provider",
    matches(/(system|provider|provider\.name)","value":\{"stringValue":"openai/i),
    ({ provider }) => provider === "openai",
  ),
  ofFirst("model asked", includes('"gpt-4o"'), (llm) => llm.request_model === "gpt-4o"),
  ofFirst("model that answered", includes('"gpt-4o-2024-08-06"'), (llm) => llm.response_model === "gpt-4o-2024-08-06"),
  {
    name: "id of the answer",
    sent: ({ all }, { exchanges }) => includes(String(exchanges[0]?.responseId))(all),
    held: (outcome) => first(outcome)?.response_id === outcome.exchanges[0]?.responseId,
  },
  ofFirst("finish reason", matches(/"tool[-_]calls?"[^:]/), (llm) =>
    llm.finish_reasons.some((word) => /tool/.test(word)),
  ),
  tokens("input tokens", first, "input_tokens", 12_347),
  tokens("output tokens", first, "output_tokens", 2_311),
  tokens("cached tokens", first, "cache_read_tokens", 4_099),
  tokens("reasoning tokens", first, "reasoning_tokens", 1_013),
  tokens("input tokens of a stream", second, "input_tokens", 15_803),
  tokens("output tokens of a stream", second, "output_tokens", 2_741),
  tokens("cached tokens of a stream", second, "cache_read_tokens", 6_089),
  tokens("reasoning tokens of a stream", second, "reasoning_tokens", 1_103),
  {
    name: "that it was streamed",
    sent: anywhere(
      matches(
        /"[^"]*stream(ing)?","value":\{"boolValue":true|"stream":true|doStream|first_?chunk|langfuse.observation.completion_start_time/i,
      ),
    ),
    held: (outcome) => second(outcome)?.streaming === true,
  },
  {
    name: "time to the first token",
    sent: anywhere(matches(/first_?chunk|time_to_first|completion_start_time|First Token/i)),
    held: (outcome) => typeof second(outcome)?.time_to_first_token_ms === "number",
  },
  ofFirst("system prompt", includes(SYSTEM), (llm) => says(llm.system_prompt, SYSTEM)),
  ofFirst("question", includes(QUESTION), ({ messages }) => says(messages, QUESTION)),
  ofFirst("earlier turns", includes(EARLIER[1].content), ({ messages }) => says(messages, EARLIER[1].content)),
  ofFirst(
    "picture",
    includes(PICTURE),
    ({ messages }) => says(messages, '"modality":"image"') && says(messages, PICTURE),
  ),
  ofFirst(
    "tools offered",
    includes("Looks for a parcel"),
    ({ tool_definitions: tools }) => says(tools, '"description":"Looks for a parcel"') && says(tools, '"parameters":{'),
  ),
  setting("temperature", SETTINGS.temperature),
  setting("top_p", SETTINGS.topP),
  setting("max_tokens", SETTINGS.maxTokens),
  setting("seed", SETTINGS.seed),
  setting("stop sequences", SETTINGS.stop[0]),
  ofFirst("answer", includes(FIRST_ANSWER), ({ response }) => says(response, FIRST_ANSWER)),
  {
    name: "answer of a stream",
    sent: anywhere(includes(SECOND_ANSWER)),
    held: (outcome) => says(second(outcome)?.response, SECOND_ANSWER),
  },
  {
    name: "tool calls asked for",
    sent: ({ firstCall }, { exchanges }) => includes(String(exchanges[0]?.toolCalls[1]?.id))(firstCall),
    held: (outcome) => {
      const asked = partsIn(first(outcome)?.response);
      return (
        outcome.exchanges[0]?.toolCalls.every((call) =>
          asked.some(
            ({ type, id, name, arguments: given }) =>
              type === "tool_call" && isDeepStrictEqual({ id, name, arguments: given }, call),
          ),
        ) === true
      );
    },
  },
  {
    name: "results given to the model",
    sent: anywhere((told) => told.some(({ json }) => json.includes(RESULT) && json.includes(QUESTION))),
    held: (outcome) =>
      partsIn(second(outcome)?.messages).some((part) => part["type"] === "tool_call_response" && says(part, RESULT)),
  },
  {
    name: "a tool's arguments",
    sent: anywhere((told) => told.some(({ json }) => json.includes('"number":"77"') && !json.includes(QUESTION))),
    held: (outcome) => says(tool(outcome, "find_parcel")?.tool.arguments, '"77"'),
  },
  {
    name: "its result",
    sent: anywhere(includes(RESULT)),
    held: (outcome) => says(tool(outcome, "find_parcel")?.tool.result, RESULT),
  },
  {
    name: "its call's id",
    sent: ({ all }, { exchanges }) =>
      all.some(({ json }) => json.includes(String(exchanges[0]?.toolCalls[0]?.id)) && !json.includes(FIRST_ANSWER)),
    held: (outcome) => tool(outcome, "find_parcel")?.tool.call_id === outcome.exchanges[0]?.toolCalls[0]?.id,
  },
  {
    name: "another one's failure",
    sent: anywhere((told) => told.some(({ json }) => json.includes(BROKEN) && !json.includes(QUESTION))),
    held: (outcome) => tool(outcome, "weigh_parcel")?.error?.message?.includes(BROKEN) === true,
  },
  {
    name: "and its type",
    sent: anywhere((told) => told.some(({ json }) => json.includes('"RangeError"') && !json.includes(QUESTION))),
    held: (outcome) => tool(outcome, "weigh_parcel")?.error?.type === "RangeError",
  },
  failure("the model's failure, 429", "slow down please"),
  failure("the model's failure, 500", "the model fell over"),
  {
    name: "an embedding's model",
    sent: anywhere(includes('"text-embedding-3-small"')),
    held: (outcome) =>
      embeddings(outcome).some(({ llm }) => (llm.request_model ?? llm.response_model) === "text-embedding-3-small"),
  },
  {
    name: "its text",
    sent: anywhere(includes(EMBEDDED)),
    held: (outcome) => says(embeddings(outcome)[0]?.llm.messages, EMBEDDED),
  },
  {
    name: "its tokens",
    sent: ({ all }, outcome) => hasNumber(embeddedTokens(outcome) ?? -1)(all.filter(({ json }) => /embed/.test(json))),
    held: (outcome) => embeddings(outcome).some(({ llm }) => llm.input_tokens === embeddedTokens(outcome)),
  },
  {
    name: "a retrieval, with what it found",
    sent: anywhere(includes(DOCUMENT.content)),
    held: (outcome) =>
      steps(outcome).some(({ input, output }) => says(input, "where do parcels lie") && says(output, DOCUMENT.content)),
  },
  {
    name: "a guardrail's rejection",
    sent: anywhere(matches(/no threats here|guardrail.triggered","value":\{"boolValue":true/)),
    held: (outcome) => steps(outcome).some(({ kind, status }) => kind === "guardrail" && status === "error"),
  },
];

function partsIn(messages: unknown): Record<string, unknown>[] {
  return [messages].flat().flatMap((message) => Object(message).parts ?? []);
}

function embeddedTokens({ exchanges }: Outcome): number | undefined {
  return exchanges.find(({ api }) => api === "embeddings")?.usage?.input;
}

/** `✓` shown, `–` not sent, `✗` sent and not shown. */
export type Cell = "✓" | "–" | "✗";

export function cellsOf(outcome: Outcome): Cell[] {
  const wire = wireOf(outcome);
  return TOLD_FACTS.map((fact) => (fact.held(outcome) ? "✓" : fact.sent(wire, outcome) ? "✗" : "–"));
}

function wireOf({ sent }: Outcome): Wire {
  const all = toldIn([...sent.traces, ...sent.logs]);
  const ofFirst = all.filter(({ json }) => json.includes(FIRST_ANSWER) && !json.includes(RESULT));
  return { all, firstCall: ofFirst.length === 0 ? all : ofFirst };
}

/** What has a trace id. */
function toldIn(value: unknown): Told[] {
  if (typeof value !== "object" || value === null) return [];
  if ("traceId" in value) return [{ traceId: String(value.traceId), json: JSON.stringify(value).replaceAll("\\", "") }];
  return Object.values(value).flatMap(toldIn);
}
