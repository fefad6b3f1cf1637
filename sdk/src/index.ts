export type { Settings } from "./config.ts";
export type { FailureKind } from "./failures.ts";
export { createRunledger, type Ledger, type LedgerDependencies, type LedgerStats } from "./ledger.ts";
export { AgentStopped, type LimitName } from "./limits/agent-stopped.ts";
export type { Limits } from "./limits/limit-guard.ts";
export type { AgentFunction, WrapOptions } from "./run/wrap.ts";
export type { JsonSchema } from "./tools/input-schema.ts";
export type { ExactTool, ToolContext, ToolDefinition } from "./tools/tool.ts";
export { ToolError, type ToolErrorCode } from "./tools/tool-error.ts";
