// #region docs
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");
const { NodeSDK } = require("@opentelemetry/sdk-node");

const sdk = new NodeSDK({ serviceName: "weather" });
sdk.start();
// After the start: where npm installed the logs API more than once, an instrumentation made known before it loses its logs.
registerInstrumentations({ instrumentations: [new OpenAIInstrumentation({ captureMessageContent: true })] });
const OpenAI = require("openai"); // after these lines, or it is not instrumented
// #endregion
const { trace } = require("@opentelemetry/api");

const client = new OpenAI();
const tracer = trace.getTracer("weather-agent");

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "forecast", description: "Rain today", parameters } }];

async function forecast(call) {
  const { city } = JSON.parse(call.function.arguments);
  const attributes = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "forecast" };
  return await tracer.startActiveSpan("execute_tool forecast", { attributes }, async (span) => {
    const result = `${city}: rain from noon`;
    span.setAttributes({
      "gen_ai.tool.call.id": call.id,
      "gen_ai.tool.call.arguments": call.function.arguments,
      "gen_ai.tool.call.result": result,
    });
    span.end();
    return { role: "tool", tool_call_id: call.id, content: result };
  });
}

async function main() {
  const agent = { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather" };
  await tracer.startActiveSpan("invoke_agent weather", { attributes: agent }, async (root) => {
    const messages = [
      { role: "system", content: "You know the weather." },
      { role: "user", content: "Where does it rain today?" },
    ];
    const asked = await client.chat.completions.create({ model: "gpt-4o", messages, tools, temperature: 0.2 });
    const { message } = asked.choices[0];
    messages.push(message, ...(await Promise.all(message.tool_calls.map(forecast))));
    const options = { stream: true, stream_options: { include_usage: true } };
    for await (const _ of await client.chat.completions.create({ model: "gpt-4o", messages, tools, ...options }));

    await client.embeddings.create({ model: "text-embedding-3-small", input: "rain" });
    const input = [{ role: "user", content: "And tomorrow?" }];
    const first = await client.responses.create({ model: "gpt-4o-mini", instructions: "Be brief.", input });
    const [call] = first.output.filter(({ type }) => type === "function_call");
    input.push(call, { type: "function_call_output", call_id: call.call_id, output: "dry" });
    for await (const _ of await client.responses.create({ model: "gpt-4o-mini", input, stream: true }));
    await client.chat.completions.create({ model: "gpt-4o", messages: [] }).catch(() => "refused");
    root.end();
  });
  await sdk.shutdown();
}
void main();
