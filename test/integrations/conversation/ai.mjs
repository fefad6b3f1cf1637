import { EARLIER, EMBEDDED, PICTURE, QUESTION, SETTINGS, SYSTEM, TOOLS } from "./told.ts";

/** The conversation by the `ai` package, of any version; `telemetry` are the settings of each call that have it told. */
export async function converse(ai, openai, telemetry) {
  const { maxTokens: maxOutputTokens, stop: stopSequences, ...settings } = SETTINGS;
  const tools = Object.fromEntries(
    Object.entries(TOOLS).map(([name, { description, parameters, execute }]) => [
      name,
      ai.tool({ description, inputSchema: ai.jsonSchema(parameters), execute }),
    ]),
  );
  const picture = { type: "image", image: new URL(PICTURE) };
  const messages = [...EARLIER, { role: "user", content: [{ type: "text", text: QUESTION }, picture] }];
  const model = openai.chat("gpt-4o");
  const call = {
    model,
    system: SYSTEM,
    tools,
    maxRetries: 0,
    maxOutputTokens,
    stopSequences,
    ...settings,
    ...telemetry,
  };
  const first = await ai.generateText({ ...call, messages });
  const said = first.response.messages;
  await ai.streamText({ ...call, messages: [...messages, ...said] }).consumeStream();
  await ai.embed({ model: openai.embedding("text-embedding-3-small"), value: EMBEDDED, ...telemetry });
  for (const prompt of ["Once more?", "And again?"])
    await ai.generateText({ model, prompt, maxRetries: 0, ...telemetry }).catch(() => {});
}
