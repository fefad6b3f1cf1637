import { DOCUMENT, EARLIER, EMBEDDED, PICTURE, QUESTION, SETTINGS, SYSTEM, TOOLS } from "./told.ts";

/**
 * The conversation by OpenAI's client. `spans` are what an instrumentation has for who is no model call: `agent(run)`,
 * `tool(name, id, given, run)`, `retriever(query, run)` and `guardrail(text, message)`, which rejects the text; each may be left out.
 */
export async function converse(client, { agent, tool, retriever, guardrail }) {
  const bare = (...given) => given.at(-1)();
  await (agent ?? bare)(async () => {
    await retriever?.("where do parcels lie", async () => [DOCUMENT]);
    guardrail?.("a threat", "no threats here");
    const request = { model: "gpt-4o", tools: toolsOffered(), messages: messages(), ...settings() };
    const first = await client.chat.completions.create(request);
    const { message } = first.choices[0];
    request.messages = [...request.messages, message];
    for (const { id, function: call } of message.tool_calls) {
      const given = JSON.parse(call.arguments);
      const run = () => TOOLS[call.name].execute(given);
      const result = await (tool ?? bare)(call.name, id, given, run).catch(({ message: why }) => ({ failed: why }));
      request.messages.push({ role: "tool", tool_call_id: id, content: JSON.stringify(result) });
    }
    const stream = { stream: true, stream_options: { include_usage: true } };
    for await (const _chunk of await client.chat.completions.create({ ...request, ...stream }));
    await client.embeddings.create({ model: "text-embedding-3-small", input: EMBEDDED, encoding_format: "float" });
    const failing = { model: "gpt-4o", messages: [{ role: "user", content: "Once more?" }] };
    await client.chat.completions.create(failing).catch(() => {});
    await client.chat.completions.create(failing).catch(() => {});
  });
}

function messages() {
  const picture = { type: "image_url", image_url: { url: PICTURE } };
  return [
    { role: "system", content: SYSTEM },
    ...EARLIER,
    { role: "user", content: [{ type: "text", text: QUESTION }, picture] },
  ];
}

function toolsOffered() {
  return Object.entries(TOOLS).map(([name, { description, parameters }]) => ({
    type: "function",
    function: { name, description, parameters },
  }));
}

function settings() {
  const { temperature, topP, maxTokens, seed, stop } = SETTINGS;
  return { temperature, top_p: topP, max_tokens: maxTokens, seed, stop };
}
