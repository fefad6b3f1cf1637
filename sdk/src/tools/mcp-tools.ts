import type { CreateTool } from "./tool.ts";
import type { CallOptions, ToolDefinition } from "./tool-definition.ts";

/** What we need of `Client` of `@modelcontextprotocol/sdk`. */
export interface McpClient {
  // biome-ignore lint/suspicious/noExplicitAny: parameters differ between the package's versions, and are passed on as they are
  listTools(...params: any[]): Promise<{ tools: McpTool[]; nextCursor?: string | undefined }>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  callTool(...params: any[]): Promise<unknown>;
}
export interface McpTool {
  name: string;
  description?: string | undefined;
  inputSchema: { [key: string]: unknown };
}

type Arguments = Record<string, unknown>;
/** How one of the server's tools is to be treated: it is not the server that says what it may do. */
export type McpToolRules = Pick<
  ToolDefinition<Arguments, unknown>,
  "sideEffect" | "permission" | "confirm" | "confirmTimeoutMs" | "timeoutMs" | "retry" | "idempotent"
> & { maxResultBytes?: number };

export interface McpOptions {
  /** By tool; `*` is for those that are not named. */
  tools?: Record<string, McpToolRules>;
  /** Only these exist, whatever the server lists. */
  allow?: readonly string[];
}

/** Of so many pages of a server's list: one that never ends has none of its later tools. */
const MAX_PAGES = 100;

export interface KnownMcpTools {
  /** Asks the server for its list when the tool is not known yet. Undefined: there is none. @throws what the client throws. */
  find(name: string): Promise<((args: Arguments, call: CallOptions) => Promise<unknown>) | undefined>;
  /** The server said so. */
  learn(tools: readonly McpTool[]): void;
  names(): string[];
}

/** @param run makes the call, once it may be made. */
export function createKnownMcpTools(
  client: McpClient,
  { tools: rules = {}, allow }: McpOptions,
  tool: CreateTool,
  run: ToolDefinition<Arguments, unknown>["run"],
): KnownMcpTools {
  const known = new Map<string, { text: string; call: (args: Arguments, call: CallOptions) => Promise<unknown> }>();

  function learn(tools: readonly McpTool[]): void {
    for (const { name, description, inputSchema } of tools) {
      if (allow !== undefined && !allow.includes(name)) continue;
      const text = JSON.stringify(inputSchema);
      if (known.get(name)?.text === text) continue;
      const about = description === undefined ? {} : { description };
      const { maxResultBytes, ...rest } = rules[name] ?? rules["*"] ?? {};
      const definition = { name, ...about, ...rest, input: inputSchema, run };
      const call = maxResultBytes === undefined ? tool(definition) : tool({ ...definition, maxResultBytes });
      known.set(name, { text, call });
    }
  }

  async function list(): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { tools, nextCursor } = await client.listTools(cursor === undefined ? {} : { cursor });
      learn(tools);
      if (nextCursor === undefined) return;
      cursor = nextCursor;
    }
  }

  return {
    async find(name) {
      if (!known.has(name)) await list();
      return known.get(name)?.call;
    },
    learn,
    names: () => [...known.keys()],
  };
}
