import type { AsyncLocalStorage } from "node:async_hooks";
import { createAttempts } from "../run/attempts.ts";
import type { Scope } from "../run/scope.ts";
import type { CallOptions } from "./tool-definition.ts";
import { ToolError } from "./tool-error.ts";
import { recordCall } from "./tool-step.ts";

/** Records that a tool was asked for which there is not, and makes the error that lists those that there are. @throws AgentStopped. */
export type RefuseUnknown = (name: string, args: unknown, names: readonly string[], options?: CallOptions) => ToolError;

export function createRefuseUnknown(scopes: AsyncLocalStorage<Scope | undefined>): RefuseUnknown {
  const attempts = createAttempts();
  return (name, args, names, options = {}) => {
    const error = new ToolError(name, "unknown_tool", `there is no tool ${name}; there are: ${names.join(", ")}`);
    const scope = scopes.getStore();
    if (scope === undefined || scope.run.ended) return error;
    const recorded = recordCall(scope, attempts, { name, args, known: false, options, attributes: {} });
    recorded.begin().failed(error);
    recorded.ended(true);
    return error;
  };
}
