// #region docs
import { createRunledger } from "@runledger/sdk";
import OpenAI from "openai";

export const ledger = createRunledger();
const client = new OpenAI();
export const support = ledger.wrap(supportAgent, { agent: "support", version: "1.4.0", limits: { steps: 20 } });
// #endregion

async function supportAgent(question) {
  console.log(`run ${ledger.runId()}`);
  const parameters = { type: "object", properties: { order: { type: "string" } }, required: ["order"] };
  const tools = [{ type: "function", function: { name: "find_order", parameters } }];
  const messages = [{ role: "user", content: question }];
  const asked = await client.chat.completions.create({ model: "gpt-4o", messages, tools });
  const [choice] = asked.choices;
  messages.push(choice.message);
  for (const { id } of choice.message.tool_calls) {
    messages.push({ role: "tool", tool_call_id: id, content: '{"state":"shipped"}' });
  }
  const options = { stream: true, stream_options: { include_usage: true } };
  let text = "";
  for await (const { choices } of await client.chat.completions.create({
    model: "gpt-4o",
    messages,
    tools,
    ...options,
  })) {
    text += choices[0]?.delta.content ?? "";
  }
  const { output_text } = await client.responses.create({ model: "gpt-4o-mini", input: `In Norwegian: ${text}` });
  return output_text;
}

console.log(await support("Where is A-1?"));
