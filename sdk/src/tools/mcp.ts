import { AsyncLocalStorage } from "node:async_hooks";
import { createKnownMcpTools, type McpClient, type McpOptions } from "./mcp-tools.ts";
import type { CreateTool } from "./tool.ts";
import type { CallOptions } from "./tool-definition.ts";
import { ToolError } from "./tool-error.ts";
import type { RefuseUnknown } from "./unknown-tool.ts";

/** A result that says `isError`: it goes to the model as it is, and the step has failed. */
class McpToolFailure extends Error {
  override readonly name = "McpToolFailure";
  readonly result: unknown;

  constructor(result: object) {
    super(wordsOf(result));
    this.result = result;
  }
}

interface McpCall {
  name: string;
  arguments?: Record<string, unknown>;
}
/** The settings of the client's own `callTool`, and what the call is known by. */
interface McpCallSettings {
  signal?: AbortSignal;
  runledger?: CallOptions;
  [setting: string]: unknown;
}
type Send = (args: Record<string, unknown>, signal: AbortSignal) => Promise<unknown>;

/**
 * The same client, its `callTool` checked, bounded and recorded like a tool of `ledger.tool`. What is refused comes back as a result with
 * `isError` and words for the model, as a server would say it; thrown is AgentStopped, and what the client itself throws.
 */
export function createMcp(tool: CreateTool, refuseUnknown: RefuseUnknown) {
  return function mcp<Client extends McpClient>(client: Client, options: McpOptions = {}): Client {
    // The call that is being made: rules and schemas are those of the tool, its settings are the caller's.
    const sending = new AsyncLocalStorage<Send>();
    const known = createKnownMcpTools(client, options, tool, async (args, { signal }) => {
      const result = await sending.getStore()?.(args, signal);
      if (typeof result === "object" && result !== null && "isError" in result && result.isError === true) {
        throw new McpToolFailure(result);
      }
      return result;
    });

    async function callTool(call: McpCall, schema?: unknown, settings: McpCallSettings = {}): Promise<unknown> {
      const { runledger = {}, ...own } = settings;
      const send: Send = (args, stopped) => {
        const signal = own.signal === undefined ? stopped : AbortSignal.any([own.signal, stopped]);
        return client.callTool({ ...call, arguments: args }, schema, { ...own, signal });
      };
      const args = call.arguments ?? {};
      const exact = await known.find(call.name);
      try {
        if (exact === undefined) throw refuseUnknown(call.name, args, known.names(), runledger);
        return await sending.run(send, () => exact(args, runledger));
      } catch (error) {
        const failure = error instanceof ToolError && error.cause instanceof McpToolFailure ? error.cause : error;
        if (failure instanceof McpToolFailure) return failure.result;
        if (error instanceof ToolError) return { isError: true, content: [{ type: "text", text: error.message }] };
        throw error;
      }
    }
    async function listTools(...params: unknown[]): ReturnType<McpClient["listTools"]> {
      const listed = await client.listTools(...params);
      known.learn(listed.tools);
      return listed;
    }
    return new Proxy(client, {
      get(target, key) {
        if (key === "callTool") return callTool;
        if (key === "listTools") return listTools;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
}

/** The texts of its content. */
function wordsOf(result: object): string {
  const content = "content" in result && Array.isArray(result.content) ? result.content : [];
  const texts = content.map((part: unknown) =>
    typeof part === "object" && part !== null && "text" in part && typeof part.text === "string" ? part.text : "",
  );
  return texts.filter((text) => text !== "").join("\n") || "the tool says that it failed";
}
