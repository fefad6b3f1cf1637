import { tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

const schema = z.object({ city: z.string() });
const getWeather = tool(({ city }) => `21 degrees in ${city}`, {
  name: "get_weather",
  description: "The weather in a city",
  schema,
});
const getTime = tool(
  () => {
    throw new Error("the clock stands still");
  },
  { name: "get_time", description: "The time in a city", schema },
);
const QUESTION = { messages: [{ role: "user", content: "How is it in Paris and Rome?" }] };
const CONFIG = { configurable: { thread_id: "session-7" }, metadata: { user_id: "user-3" } };

/** Takes a moment, so that its step is before the model call's. */
async function prompt({ messages }) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return [{ role: "system", content: "You tell the weather." }, ...messages];
}

function agent(settings) {
  const llm = new ChatOpenAI({ model: "gpt-4o", temperature: 0.2, maxRetries: 0, ...settings });
  return createReactAgent({ name: "weather", llm, tools: [getWeather, getTime], prompt });
}

/** Its last words, or why it failed. */
export async function ask() {
  try {
    const { messages } = await agent({}).invoke(QUESTION, CONFIG);
    return messages.at(-1).content;
  } catch (error) {
    return `failed: ${error.message}`;
  }
}

/** The same with streamed answers. */
export async function askStreaming() {
  let words = "";
  for await (const [message] of await agent({}).stream(QUESTION, { ...CONFIG, streamMode: "messages" }))
    if (message.getType() === "ai") words += message.text;
  return words;
}
