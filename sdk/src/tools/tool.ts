import type { AsyncLocalStorage } from "node:async_hooks";
import { RUNLEDGER } from "@runledger/contract";
import type { z } from "zod";
import type { Failures } from "../failures.ts";
import type { ReplayContexts } from "../replay/replays.ts";
import { type Attempts, createAttempts } from "../run/attempts.ts";
import type { Scope } from "../run/scope.ts";
import type { Approver } from "./approver.ts";
import type { CutResult } from "./cut-result.ts";
import type { JsonSchema } from "./json-schema.ts";
import { retryPolicy } from "./retry.ts";
import { callTool, type PreparedTool } from "./tool-call.ts";
import { type CallOptions, checkDefinition, type ToolDefinition } from "./tool-definition.ts";
import { definitionAttributes, recordCall } from "./tool-step.ts";
import { valueSchema } from "./value-schema.ts";

/** Callable with arguments, or with the JSON text that the model wrote. */
export interface ExactTool<Input, Output> {
  (args: Input | string, call?: CallOptions): Promise<Output>;
  /** For `tools` of a chat completions request. */
  readonly definition: {
    type: "function";
    function: { name: string; description?: string; parameters?: Record<string, unknown> };
  };
  /** What a toolbox tells models of it. */
  readonly about: {
    name: string;
    description: string | undefined;
    input: z.ZodType<Input>;
    jsonSchema: JsonSchema | undefined;
  };
}

export interface ToolDependencies {
  scopes: AsyncLocalStorage<Scope | undefined>;
  failures: Failures;
  approver: Approver;
  random: () => number;
  replays: ReplayContexts;
}

/** Makes tools that are executed under our eyes: checked, bounded and recorded exactly; outside a run checked and bounded only. */
export interface CreateTool {
  <Input, Output>(
    definition: ToolDefinition<Input, Output> & { maxResultBytes: number },
  ): ExactTool<Input, Output | CutResult>;
  <Input, Output>(definition: ToolDefinition<Input, Output> & { maxResultBytes?: never }): ExactTool<Input, Output>;
}

export function createTools(dependencies: ToolDependencies, attempts = createAttempts()): CreateTool {
  function tool<Input, Output>(definition: ToolDefinition<Input, Output>): ExactTool<Input, Output | CutResult> {
    checkDefinition(definition);
    const { name, description } = definition;
    const prepared: PreparedTool<Input, Output> = {
      definition,
      input: valueSchema(definition.input),
      output: definition.output && valueSchema(definition.output),
      retry: retryPolicy(definition.retry, dependencies.random),
    };
    const { zod: input, jsonSchema } = prepared.input;
    const parameters = jsonSchema === undefined ? {} : { parameters: { ...jsonSchema } };
    const told = description === undefined ? {} : { description };
    return Object.assign(callerOf(prepared, dependencies, attempts), {
      definition: { type: "function" as const, function: { name, ...told, ...parameters } },
      about: { name, description, input, jsonSchema },
    });
  }
  return tool as CreateTool;
}

function callerOf<Input, Output>(
  prepared: PreparedTool<Input, Output>,
  { scopes, failures, approver, replays }: ToolDependencies,
  attempts: Attempts,
) {
  const { definition } = prepared;
  const { name } = definition;
  const promised = definitionAttributes(definition);
  return async function call(args: Input | string, options: CallOptions = {}): Promise<Output | CutResult> {
    const found = scopes.getStore();
    // Left over from an agent that was stopped: there it is refused, not without a run.
    if (found?.run.ended && found.guard.signal.aborted) found.guard.check();
    const scope = found === undefined || found.run.ended ? undefined : found;
    const recorded =
      scope && recordCall(scope, attempts, { name, args, known: true, options, attributes: attributesOf(scope) });
    return await callTool({
      ...{ tool: prepared, args, options, recorded, approver, failures },
      replay: scope && replays.getStore()?.session,
      within: (step, work) => (scope && step ? scopes.run({ ...scope, span: step.span }, work) : work()),
    });
  };
  function attributesOf({ principal }: Scope) {
    return definition.permission === undefined ? promised : { ...promised, [RUNLEDGER.toolPrincipal]: principal?.id };
  }
}
