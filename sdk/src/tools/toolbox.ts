import type { z } from "zod";
import { textOf } from "../capture/inferred-tool.ts";
import { causedByStop } from "../limits/agent-stopped.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { ExactTool } from "./tool.ts";
import type { CallOptions } from "./tool-definition.ts";
import type { RefuseUnknown } from "./unknown-tool.ts";

// biome-ignore lint/suspicious/noExplicitAny: tools of every input together
type AnyTool = ExactTool<any, unknown>;

/** All that a model may call: whatever else it asks for is refused with the list of what there is. */
export interface Toolbox {
  readonly names: readonly string[];
  /** @throws ToolError, what the tool throws, or AgentStopped. */
  call(name: string, args: unknown, options?: CallOptions): Promise<unknown>;
  /** What the model is to read: the result, or the error's message, as text. @throws AgentStopped only: then there is no next turn. */
  answer(name: string, args: unknown, options?: CallOptions): Promise<string>;
  /** For `tools` of OpenAI's chat completions, and of those that speak like it. */
  openai(): AnyTool["definition"][];
  /** For `tools` of OpenAI's responses. */
  openaiResponses(): OpenAiResponsesTool[];
  /** For `tools` of Anthropic's messages. */
  anthropic(): AnthropicTool[];
  /** For `tools` of the AI SDK (`generateText`, `streamText`), version 5 on. */
  aiSdk(): Record<string, AiSdkTool>;
}

export interface OpenAiResponsesTool {
  type: "function";
  name: string;
  description?: string;
  parameters: Record<string, unknown>;
  strict: false;
}
export interface AnthropicTool {
  name: string;
  description?: string;
  input_schema: { type: "object"; [key: string]: unknown };
}
export interface AiSdkTool {
  description?: string;
  inputSchema: z.ZodType;
  execute(input: unknown, call: { toolCallId: string }): Promise<unknown>;
}

/** @throws Error when two tools have one name. */
export function createToolboxes(refuseUnknown: RefuseUnknown) {
  return function toolbox(tools: readonly AnyTool[]): Toolbox {
    const byName = new Map(tools.map((tool) => [tool.about.name, tool]));
    if (byName.size < tools.length) throw new Error("runledger: two tools of one name can't be told apart");
    const names = [...byName.keys()];

    async function call(name: string, args: unknown, options: CallOptions = {}): Promise<unknown> {
      const tool = byName.get(name);
      if (tool !== undefined) return await tool(args, options);
      throw refuseUnknown(name, args, names, options);
    }

    return {
      names,
      call,
      async answer(name, args, options) {
        try {
          return textOf(await call(name, args, options)) ?? "done";
        } catch (error) {
          const stop = causedByStop(error);
          if (stop !== undefined) throw stop;
          return `error: ${error instanceof Error ? error.message : String(error)}`;
        }
      },
      openai: () => tools.map((tool) => tool.definition),
      openaiResponses: () =>
        tools.map(({ about }) => ({
          ...titled(about),
          type: "function",
          parameters: { ...about.jsonSchema },
          strict: false,
        })),
      anthropic: () =>
        tools.map(({ about }) => ({ ...titled(about), input_schema: { ...about.jsonSchema, type: "object" } })),
      aiSdk: () => Object.fromEntries(tools.map((tool) => [tool.about.name, aiSdkTool(tool)])),
    };
  };
}

function aiSdkTool(tool: AnyTool): AiSdkTool {
  const { description, input } = tool.about;
  return {
    ...(description === undefined ? {} : { description }),
    inputSchema: input,
    execute: (args, { toolCallId }) => tool(args, { callId: toolCallId }),
  };
}

function titled({
  name,
  description,
}: {
  name: string;
  description: string | undefined;
  jsonSchema: JsonSchema | undefined;
}) {
  return description === undefined ? { name } : { name, description };
}
