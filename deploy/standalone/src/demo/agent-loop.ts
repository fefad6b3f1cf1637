import type OpenAI from "openai";

/** A tool as the loop needs it: what the model is told, and the call. */
export interface LoopTool {
  definition: OpenAI.Chat.Completions.ChatCompletionFunctionTool;
  /** @param args the JSON text that the model wrote. Its answer, or its error's message, goes back to the model. */
  call: (args: string) => Promise<unknown>;
}

export interface LoopSettings {
  client: OpenAI;
  model: string;
  system: string;
  tools: readonly LoopTool[];
  /** A loop of its own bound; the ledger's limits are the hard ones. */
  maxTurns: number;
}

/** The loop that most agents are: ask the model, run the tools it wants, hand back what they gave, until it answers. */
export async function runAgentLoop(
  { client, model, system, tools, maxTurns }: LoopSettings,
  task: string,
): Promise<string> {
  const messages: OpenAI.Chat.Completions.ChatCompletionMessageParam[] = [
    { role: "system", content: system },
    { role: "user", content: task },
  ];
  for (let turn = 0; turn < maxTurns; turn++) {
    const stream = client.chat.completions.stream({
      model,
      messages,
      tools: tools.map((tool) => tool.definition),
      temperature: 0.2,
      stream_options: { include_usage: true },
    });
    const completion = await stream.finalChatCompletion();
    const message = completion.choices[0]?.message;
    if (message === undefined) throw new Error("the model gave no answer");
    const { role, content, tool_calls } = message;
    if (tool_calls === undefined || tool_calls.length === 0) return content ?? "";
    messages.push({ role, content, tool_calls });
    const results = tool_calls.map(async (call) => {
      const { name, arguments: args } =
        call.type === "function" ? call.function : { name: call.custom.name, arguments: call.custom.input };
      return { role: "tool" as const, tool_call_id: call.id, content: await runTool(tools, name, args) };
    });
    messages.push(...(await Promise.all(results)));
  }
  throw new Error(`no answer after ${maxTurns} turns`);
}

async function runTool(tools: readonly LoopTool[], name: string, args: string): Promise<string> {
  const tool = tools.find((other) => other.definition.function.name === name);
  if (tool === undefined) {
    const names = tools.map((other) => other.definition.function.name).join(", ");
    return `error: there is no tool ${name}; there are: ${names}`;
  }
  const result = await tool.call(args);
  return typeof result === "string" ? result : JSON.stringify(result);
}
