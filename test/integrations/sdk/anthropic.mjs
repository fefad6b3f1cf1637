// #region docs
import Anthropic from "@anthropic-ai/sdk";
import { createRunledger } from "@runledger/sdk";

export const ledger = createRunledger();
const client = new Anthropic();
export const support = ledger.wrap(supportAgent, { agent: "support", limits: { steps: 20 } });
// #endregion

async function supportAgent(question) {
  console.log(`run ${ledger.runId()}`);
  const input_schema = { type: "object", properties: { order: { type: "string" } }, required: ["order"] };
  const options = { model: "claude-sonnet-4-5", max_tokens: 500, tools: [{ name: "find_order", input_schema }] };
  const messages = [{ role: "user", content: question }];
  const asked = await client.messages.create({ ...options, messages });
  const results = asked.content.flatMap((block) =>
    block.type === "tool_use" ? [{ type: "tool_result", tool_use_id: block.id, content: '{"state":"shipped"}' }] : [],
  );
  messages.push({ role: "assistant", content: asked.content }, { role: "user", content: results });
  const final = await client.messages.stream({ ...options, messages }).finalMessage();
  return final.content.map(({ text }) => text).join("");
}

console.log(await support("Where is A-1?"));
