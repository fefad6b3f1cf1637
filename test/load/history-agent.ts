import { encodeTraces } from "@runledger/collector";

/** In which instrumentation's form an agent sends its spans. */
export const HISTORY_FORMS = ["OTel GenAI", "OpenInference", "LangGraph"] as const;
export type HistoryForm = (typeof HISTORY_FORMS)[number];

/** An agent at work: each step a model call that asks for a tool, and the tool's result; the whole history goes along each time. */
export interface HistoryAgent {
  runId: string;
  /** Bytes of system prompt, tool definitions and messages, each once: what is new in the run. */
  newBytes(): number;
  /** The next step's request, as protobuf. */
  next(): Buffer;
}

interface Turn {
  callId: string;
  thought: string;
  query: string;
  result: string;
}

const TOOLS = ["search_orders", "read_page", "query_database", "list_files", "send_message", "run_query"];
const SYLLABLES = "an be cor dal er fin gra hol in jo ka lun mer no or pa qui ren so ta ur ven wi xo yl zo".split(" ");
const RESULT_BYTES = { least: 500, most: 4_000 };
const SYSTEM_BYTES = 2_500;
const START_MS = Date.UTC(2026, 0, 5);
const SPAN_MS = 800;

export function createHistoryAgent(form: HistoryForm, seed: number): HistoryAgent {
  const random = seededRandom(seed);
  const words = Array.from({ length: 2_000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 3) }, () => SYLLABLES[Math.floor(random() * SYLLABLES.length)]).join(
      "",
    ),
  );
  const prose = (bytes: number): string => {
    const chosen: string[] = [];
    for (let length = 0; length < bytes; length += (chosen.at(-1)?.length ?? 0) + 1)
      chosen.push(words[Math.floor(random() ** 2 * words.length)] ?? "");
    return chosen.join(" ");
  };
  const system = prose(SYSTEM_BYTES);
  const tools = TOOLS.map((name) => ({
    type: "function",
    function: {
      name,
      description: prose(300),
      parameters: {
        type: "object",
        properties: { query: { type: "string", description: prose(80) } },
        required: ["query"],
      },
    },
  }));
  const question = prose(300);
  const turns: Turn[] = [];
  const runId = hex(random, 32);
  let bytes = [system, JSON.stringify(tools), question].join("").length;
  const spansOf = { "OTel GenAI": otelSpans, OpenInference: openInferenceSpans, LangGraph: langGraphSpans }[form];
  return {
    runId,
    newBytes: () => bytes,
    next: () => {
      const size = RESULT_BYTES.least + Math.floor(random() * (RESULT_BYTES.most - RESULT_BYTES.least));
      const rows = Array.from({ length: 4 }, (_, row) => ({ row, id: hex(random, 12), text: prose(size / 4 - 60) }));
      const turn = {
        callId: `call_${hex(random, 16)}`,
        thought: prose(200),
        query: prose(40),
        result: JSON.stringify({ rows }),
      };
      bytes += JSON.stringify(turn).length;
      const spans = spansOf({ system, tools, question, history: turns, turn }).map((attributes, i) => ({
        traceId: Buffer.from(runId, "hex"),
        spanId: Buffer.from(hex(random, 16), "hex"),
        parentSpanId: Buffer.from("00f067aa0ba902b7", "hex"),
        name: attributes["name"] ?? "",
        startTimeUnixNano: nanos(START_MS + turns.length * 2_000 + i),
        endTimeUnixNano: nanos(START_MS + turns.length * 2_000 + i + SPAN_MS),
        attributes: Object.entries(attributes)
          .filter(([key]) => key !== "name")
          .map(([key, value]) => ({ key, value: { stringValue: value } })),
      }));
      turns.push(turn);
      return Buffer.from(
        encodeTraces({ resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: "agent" }, spans }] }] }),
      );
    },
  };
}

interface Step {
  system: string;
  tools: object[];
  question: string;
  /** The turns before this one. */
  history: readonly Turn[];
  turn: Turn;
}
type Attributes = Record<string, string>;

function otelSpans({ system, tools, question, history, turn }: Step): Attributes[] {
  const call = ({ callId, thought, query }: Turn) => ({
    role: "assistant",
    parts: [
      { type: "text", content: thought },
      { type: "tool_call", id: callId, name: TOOLS[0], arguments: { query } },
    ],
  });
  const messages = [
    { role: "user", parts: [{ type: "text", content: question }] },
    ...history.flatMap((past) => [
      call(past),
      { role: "tool", parts: [{ type: "tool_call_response", id: past.callId, response: JSON.parse(past.result) }] },
    ]),
  ];
  return [
    {
      name: "chat gpt-4o",
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.system_instructions": JSON.stringify([{ type: "text", content: system }]),
      "gen_ai.tool.definitions": JSON.stringify(tools),
      "gen_ai.input.messages": JSON.stringify(messages),
      "gen_ai.output.messages": JSON.stringify([{ ...call(turn), finish_reason: "tool_calls" }]),
    },
    {
      name: `execute_tool ${TOOLS[0]}`,
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": TOOLS[0] ?? "",
      "gen_ai.tool.call.id": turn.callId,
      "gen_ai.tool.call.arguments": JSON.stringify({ query: turn.query }),
      "gen_ai.tool.call.result": turn.result,
    },
  ];
}

interface ChatMessage {
  role: string;
  content: string;
  tool_calls?: { id: string; type: string; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
}

function askOf({ callId, thought, query }: Turn): ChatMessage {
  const call = { name: TOOLS[0] ?? "", arguments: JSON.stringify({ query }) };
  return { role: "assistant", content: thought, tool_calls: [{ id: callId, type: "function", function: call }] };
}

function chatMessages({ system, question, history }: Step): ChatMessage[] {
  return [
    { role: "system", content: system },
    { role: "user", content: question },
    ...history.flatMap((past) => [askOf(past), { role: "tool", content: past.result, tool_call_id: past.callId }]),
  ];
}

function openInferenceSpans(step: Step): Attributes[] {
  const messages = chatMessages(step);
  const ask = askOf(step.turn);
  const request = { model: "gpt-4o", temperature: 0.2, messages, tools: step.tools };
  const response = { id: step.turn.callId, object: "chat.completion", choices: [{ index: 0, message: ask }] };
  const llm: Attributes = {
    name: "ChatCompletion",
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.provider": "openai",
    "input.value": JSON.stringify(request),
    "input.mime_type": "application/json",
    "output.value": JSON.stringify(response),
    "output.mime_type": "application/json",
    ...flattened("llm.input_messages", messages),
    ...flattened("llm.output_messages", [ask]),
  };
  for (const [i, tool] of step.tools.entries()) llm[`llm.tools.${i}.tool.json_schema`] = JSON.stringify(tool);
  return [llm, toolSpan(step)];
}

function langGraphSpans(step: Step): Attributes[] {
  const state = JSON.stringify({ messages: chatMessages(step).map(langChainForm), remaining_steps: 24 });
  const after = { ...step, history: [...step.history, step.turn] };
  const chain = (name: string, input: string, output: object): Attributes => ({
    name,
    "openinference.span.kind": "CHAIN",
    "input.value": input,
    "input.mime_type": "application/json",
    "output.value": JSON.stringify(output),
    "output.mime_type": "application/json",
  });
  const [llm, tool] = openInferenceSpans(step);
  const asked = JSON.stringify({ messages: chatMessages(after).slice(0, -1).map(langChainForm), remaining_steps: 24 });
  return [
    chain("agent", state, { messages: [langChainForm(askOf(step.turn))] }),
    {
      ...llm,
      name: "ChatOpenAI",
      "input.value": JSON.stringify({ messages: [chatMessages(step).map(langChainForm)] }),
    },
    chain("tools", asked, { messages: chatMessages(after).slice(-1).map(langChainForm) }),
    tool ?? {},
  ];
}

function toolSpan({ turn }: Step): Attributes {
  return {
    name: TOOLS[0] ?? "",
    "openinference.span.kind": "TOOL",
    "tool.name": TOOLS[0] ?? "",
    "input.value": JSON.stringify({ query: turn.query }),
    "output.value": turn.result,
  };
}

/** As LangChain writes a message into its serialised state. */
function langChainForm({ role, content, tool_calls, tool_call_id }: ChatMessage): object {
  const kind = { system: "SystemMessage", user: "HumanMessage", assistant: "AIMessage", tool: "ToolMessage" }[role];
  const kwargs = {
    content,
    additional_kwargs: {},
    response_metadata: {},
    ...(tool_calls && { tool_calls }),
    ...(tool_call_id && { tool_call_id }),
  };
  return { lc: 1, type: "constructor", id: ["langchain_core", "messages", kind], kwargs };
}

function flattened(prefix: string, messages: readonly ChatMessage[]): Attributes {
  const attributes: Attributes = {};
  for (const [i, { role, content, tool_calls, tool_call_id }] of messages.entries()) {
    const message = `${prefix}.${i}.message`;
    attributes[`${message}.role`] = role;
    attributes[`${message}.content`] = content;
    if (tool_call_id !== undefined) attributes[`${message}.tool_call_id`] = tool_call_id;
    for (const [j, call] of (tool_calls ?? []).entries()) {
      attributes[`${message}.tool_calls.${j}.tool_call.id`] = call.id;
      attributes[`${message}.tool_calls.${j}.tool_call.function.name`] = call.function.name;
      attributes[`${message}.tool_calls.${j}.tool_call.function.arguments`] = call.function.arguments;
    }
  }
  return attributes;
}

/** In [0, 1), the same for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function hex(random: () => number, digits: number): string {
  return Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
}

/** Nanoseconds in the form that the protobuf encoder takes. */
function nanos(unixMs: number): object {
  const value = BigInt(unixMs) * 1_000_000n;
  return { low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: true };
}
