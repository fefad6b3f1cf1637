import type { Usage } from "./fake-model-server.ts";

export type WireApi = "chat.completions" | "responses" | "embeddings" | "messages";
type Finish = "stop" | "tool_calls" | "length";

/** What is to be said, before it has a provider's form. */
export interface Answer {
  id: string;
  model: string;
  text: string | null;
  reasoning: string | null;
  toolCalls: { id: string; name: string; arguments: unknown; json: string }[];
  finishReason: string;
  /** In the provider's form. */
  usage: Record<string, unknown> | null;
  request: Record<string, unknown>;
}

/** One provider's API: how an answer is written, whole and in server-sent events. */
export interface Wire {
  path: string;
  /** null: its answers have no id. */
  idPrefix: string | null;
  callIdPrefix: string;
  finishReason: Readonly<Record<Finish, string>>;
  /** Does a stream tell its usage? */
  tellsUsage(request: Record<string, unknown>): boolean;
  usage(usage: Usage): Record<string, unknown>;
  body(answer: Answer): unknown;
  stream(answer: Answer, request: Record<string, unknown>): string[];
  error(type: string, message: string): unknown;
}

const wordsOf = (text: string | null) => text?.match(/\S+\s*/g) ?? [];
const halvesOf = (text: string) => [text.slice(0, Math.ceil(text.length / 2)), text.slice(Math.ceil(text.length / 2))];
const openaiError = (type: string, message: string) => ({ error: { message, type, param: null, code: null } });
const now = () => Math.floor(Date.now() / 1000);

function openaiTokens(names: [string, string, string, string], usage: Usage): Record<string, unknown> {
  const [input, output, inputDetails, outputDetails] = names;
  return {
    [input]: usage.input,
    [output]: usage.output,
    total_tokens: usage.input + usage.output,
    [inputDetails]: { cached_tokens: usage.cacheRead ?? 0 },
    [outputDetails]: { reasoning_tokens: usage.reasoning ?? 0 },
  };
}

const chat: Wire = {
  path: "/chat/completions",
  idPrefix: "chatcmpl-",
  callIdPrefix: "call_",
  finishReason: { stop: "stop", tool_calls: "tool_calls", length: "length" },
  tellsUsage: ({ stream_options: options }) =>
    typeof options === "object" && options !== null && "include_usage" in options && options.include_usage === true,
  usage: (usage) =>
    openaiTokens(["prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details"], usage),
  body: (answer) => ({
    id: answer.id,
    object: "chat.completion",
    created: now(),
    model: answer.model,
    system_fingerprint: "fp_fake",
    service_tier: "default",
    ...(answer.usage === null ? {} : { usage: answer.usage }),
    choices: [{ index: 0, message: chatMessage(answer), logprobs: null, finish_reason: answer.finishReason }],
  }),
  stream(answer, request) {
    const base = { id: answer.id, object: "chat.completion.chunk", created: now(), model: answer.model };
    const telling = chat.tellsUsage(request);
    const chunk = (choices: object[], usage: unknown = null) =>
      `data: ${JSON.stringify({ ...base, system_fingerprint: "fp_fake", choices, ...(telling ? { usage } : {}) })}\n\n`;
    const delta = (content: object, finish_reason: string | null = null) =>
      chunk([{ index: 0, delta: content, logprobs: null, finish_reason }]);
    const calls = answer.toolCalls.flatMap(({ id, name, json }, index) => [
      { index, id, type: "function", function: { name, arguments: "" } },
      ...halvesOf(json).map((piece) => ({ index, function: { arguments: piece } })),
    ]);
    return [
      delta({ role: "assistant", content: answer.toolCalls.length > 0 ? null : "", refusal: null }),
      ...wordsOf(answer.reasoning).map((word) => delta({ reasoning_content: word })),
      ...wordsOf(answer.text).map((word) => delta({ content: word })),
      ...calls.map((call) => delta({ tool_calls: [call] })),
      delta({}, answer.finishReason),
      ...(telling && answer.usage !== null ? [chunk([], answer.usage)] : []),
      "data: [DONE]\n\n",
    ];
  },
  error: openaiError,
};

function chatMessage({ text, reasoning, toolCalls }: Answer): object {
  const calls = toolCalls.map(({ id, name, json }) => ({
    id,
    type: "function",
    function: { name, arguments: json },
  }));
  return {
    role: "assistant",
    content: text,
    refusal: null,
    annotations: [],
    ...(reasoning === null ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

const responses: Wire = {
  path: "/responses",
  idPrefix: "resp_",
  callIdPrefix: "call_",
  finishReason: { stop: "completed", tool_calls: "completed", length: "incomplete" },
  tellsUsage: () => true,
  usage: (usage) =>
    openaiTokens(["input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"], usage),
  body: (answer) => ({ ...responseHead(answer), status: answer.finishReason, output: outputItems(answer) }),
  stream(answer) {
    let number = 0;
    const event = (type: string, content: object) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...content })}\n\n`;
    const begun = { ...responseHead(answer), status: "in_progress", output: [], usage: null };
    const items = outputItems(answer).flatMap((item, output_index) => itemEvents(item, output_index, event));
    const ended = answer.finishReason === "incomplete" ? "response.incomplete" : "response.completed";
    return [
      event("response.created", { response: begun }),
      event("response.in_progress", { response: begun }),
      ...items,
      event(ended, { response: responses.body(answer) }),
    ];
  },
  error: openaiError,
};

function responseHead(answer: Answer): object {
  const { request } = answer;
  return {
    id: answer.id,
    object: "response",
    created_at: now(),
    model: answer.model,
    error: null,
    incomplete_details: answer.finishReason === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: request["instructions"] ?? null,
    metadata: {},
    parallel_tool_calls: true,
    previous_response_id: request["previous_response_id"] ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: "default",
    store: false,
    temperature: request["temperature"] ?? 1,
    text: { format: { type: "text" } },
    tool_choice: request["tool_choice"] ?? "auto",
    tools: request["tools"] ?? [],
    top_p: 1,
    truncation: "disabled",
    usage: answer.usage,
  };
}

type OutputItem = { id: string; type: string; [key: string]: unknown };

function outputItems({ id, text, reasoning, toolCalls }: Answer): OutputItem[] {
  const items: OutputItem[] = [];
  const own = id.replace("resp_", "");
  if (reasoning !== null)
    items.push({ id: `rs_${own}`, type: "reasoning", summary: [{ type: "summary_text", text: reasoning }] });
  if (text !== null) {
    const content = [{ type: "output_text", text, annotations: [], logprobs: [] }];
    items.push({ id: `msg_${own}`, type: "message", status: "completed", role: "assistant", content });
  }
  for (const call of toolCalls) {
    const item = { call_id: call.id, name: call.name, arguments: call.json, status: "completed" };
    items.push({ id: `fc_${call.id}`, type: "function_call", ...item });
  }
  return items;
}

function itemEvents(
  item: OutputItem,
  output_index: number,
  event: (type: string, content: object) => string,
): string[] {
  const of = { item_id: item.id, output_index };
  const whole = [event("response.output_item.done", { output_index, item })];
  const begins = (empty: object) => event("response.output_item.added", { output_index, item: { ...item, ...empty } });
  if (item.type === "function_call") {
    const text = String(item["arguments"]);
    return [
      begins({ arguments: "", status: "in_progress" }),
      ...halvesOf(text).map((delta) => event("response.function_call_arguments.delta", { ...of, delta })),
      event("response.function_call_arguments.done", { ...of, name: item["name"], arguments: text }),
      ...whole,
    ];
  }
  if (item.type === "reasoning") {
    const [part] = item["summary"] as { type: string; text: string }[];
    const summary = { ...of, summary_index: 0 };
    return [
      begins({ summary: [] }),
      event("response.reasoning_summary_part.added", { ...summary, part: { ...part, text: "" } }),
      ...wordsOf(part?.text ?? "").map((delta) =>
        event("response.reasoning_summary_text.delta", { ...summary, delta }),
      ),
      event("response.reasoning_summary_text.done", { ...summary, text: part?.text }),
      event("response.reasoning_summary_part.done", { ...summary, part }),
      ...whole,
    ];
  }
  const [part] = item["content"] as { type: string; text: string }[];
  const content = { ...of, content_index: 0 };
  return [
    begins({ content: [], status: "in_progress" }),
    event("response.content_part.added", { ...content, part: { ...part, text: "" } }),
    ...wordsOf(part?.text ?? "").map((delta) =>
      event("response.output_text.delta", { ...content, delta, logprobs: [] }),
    ),
    event("response.output_text.done", { ...content, text: part?.text, logprobs: [] }),
    event("response.content_part.done", { ...content, part }),
    ...whole,
  ];
}

const embeddings: Wire = {
  path: "/embeddings",
  idPrefix: null,
  callIdPrefix: "",
  finishReason: { stop: "", tool_calls: "", length: "" },
  tellsUsage: () => true,
  usage: ({ input }) => ({ prompt_tokens: input, total_tokens: input }),
  body({ request, model, usage }) {
    const inputs = Array.isArray(request["input"]) ? request["input"] : [request["input"]];
    const vector = new Float32Array([0.1, -0.2, 0.3, 0.4]);
    const embedding =
      request["encoding_format"] === "base64" ? Buffer.from(vector.buffer).toString("base64") : [...vector];
    return {
      object: "list",
      data: inputs.map((_, index) => ({ object: "embedding", index, embedding })),
      model,
      usage,
    };
  },
  stream: () => [],
  error: openaiError,
};

const messages: Wire = {
  path: "/messages",
  idPrefix: "msg_",
  callIdPrefix: "toolu_",
  finishReason: { stop: "end_turn", tool_calls: "tool_use", length: "max_tokens" },
  tellsUsage: () => true,
  usage: ({ input, output, cacheRead = 0, cacheWrite = 0 }) => ({
    input_tokens: input - cacheRead - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    output_tokens: output,
    service_tier: "standard",
  }),
  body: (answer) => ({
    ...messageHead(answer),
    content: contentBlocks(answer),
    stop_reason: answer.finishReason,
    usage: answer.usage ?? { input_tokens: 0, output_tokens: 0 },
  }),
  stream(answer) {
    const event = (type: string, content: object) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...content })}\n\n`;
    const usage = answer.usage ?? { input_tokens: 0, output_tokens: 0 };
    const begun = { ...messageHead(answer), content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } };
    const blocks = contentBlocks(answer).flatMap((block, index) => [
      event("content_block_start", { index, content_block: emptyBlock(block) }),
      ...blockDeltas(block).map((delta) => event("content_block_delta", { index, delta })),
      event("content_block_stop", { index }),
    ]);
    return [
      event("message_start", { message: begun }),
      event("ping", {}),
      ...blocks,
      event("message_delta", {
        delta: { stop_reason: answer.finishReason, stop_sequence: null },
        usage: { output_tokens: usage["output_tokens"] },
      }),
      event("message_stop", {}),
    ];
  },
  error: (type, message) => ({ type: "error", error: { type, message } }),
};

function messageHead({ id, model }: Answer): object {
  return { id, type: "message", role: "assistant", model, stop_sequence: null };
}

type Block =
  | { type: "thinking"; thinking: string; signature: string }
  | { type: "text"; text: string }
  | { type: "tool_use"; id: string; name: string; input: unknown };

function contentBlocks({ text, reasoning, toolCalls }: Answer): Block[] {
  const blocks: Block[] = [];
  if (reasoning !== null) blocks.push({ type: "thinking", thinking: reasoning, signature: "ZmFrZQ==" });
  if (text !== null) blocks.push({ type: "text", text });
  for (const call of toolCalls) blocks.push({ type: "tool_use", id: call.id, name: call.name, input: call.arguments });
  return blocks;
}

function emptyBlock(block: Block): object {
  if (block.type === "thinking") return { ...block, thinking: "", signature: "" };
  return block.type === "text" ? { ...block, text: "" } : { ...block, input: {} };
}

function blockDeltas(block: Block): object[] {
  if (block.type === "text") return wordsOf(block.text).map((text) => ({ type: "text_delta", text }));
  if (block.type === "tool_use")
    return halvesOf(JSON.stringify(block.input)).map((partial_json) => ({ type: "input_json_delta", partial_json }));
  return [
    ...wordsOf(block.thinking).map((thinking) => ({ type: "thinking_delta", thinking })),
    { type: "signature_delta", signature: block.signature },
  ];
}

export const WIRES: Readonly<Record<WireApi, Wire>> = { "chat.completions": chat, responses, embeddings, messages };
