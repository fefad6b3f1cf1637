import type { AsyncLocalStorage } from "node:async_hooks";
import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import type { z } from "zod";
import { textOf, toolAttributes } from "../capture/inferred-tool.ts";
import { callKey } from "../capture/tool-call-book.ts";
import type { Failures } from "../failures.ts";
import { createAttempts } from "../run/attempts.ts";
import { defined, type OpenStep } from "../run/run.ts";
import type { Scope } from "../run/scope.ts";
import { stepError } from "../run/step-error.ts";
import { type InputSchema, inputSchema, type JsonSchema } from "./input-schema.ts";
import { ToolError } from "./tool-error.ts";

export interface ToolDefinition<Input, Output> {
  name: string;
  /** For the model. */
  description?: string;
  /** zod, or JSON Schema. */
  input: z.ZodType<Input> | JsonSchema;
  run: (input: Input, context: ToolContext) => Output | Promise<Output>;
  /** Milliseconds until the call is given up with a ToolError `timeout`. */
  timeoutMs?: number;
}
export interface ToolContext {
  /** Aborts at the time-out and when the run's wall clock is over. */
  signal: AbortSignal;
}

/** Callable with arguments, or with the JSON text that the model wrote. */
export interface ExactTool<Input, Output> {
  (args: Input | string, call?: { callId?: string }): Promise<Output>;
  /** For `tools` of a chat completions request. */
  readonly definition: {
    type: "function";
    function: { name: string; description?: string; parameters?: Record<string, unknown> };
  };
}

export interface ToolDependencies {
  scopes: AsyncLocalStorage<Scope | undefined>;
  failures: Failures;
}

/** Tools that are executed under our eyes: checked, bounded and recorded exactly; outside a run checked and bounded only. */
export function createTools({ scopes, failures }: ToolDependencies) {
  const attempts = createAttempts();

  async function record<T>(
    scope: Scope,
    name: string,
    args: unknown,
    callId: string | undefined,
    work: (step: OpenStep) => Promise<T>,
  ): Promise<T> {
    const key = callKey(name, args);
    scope.guard.addToolCall(key, name);
    scope.guard.admit();
    const attempt = attempts.next(scope.run, key);
    const asked = scope.run.toolCalls.claim(name, args, callId);
    const step = scope.run.startStep(`execute_tool ${name}`, {
      kind: "tool",
      parent: scope.span,
      attributes: {
        ...toolAttributes({
          ...asked,
          name,
          arguments: textOf(args) ?? "",
          ...defined({ callId: asked?.callId ?? callId }),
        }),
        [RUNLEDGER.toolKnown]: true,
        [RUNLEDGER.toolAttempt]: attempt,
      },
    });
    try {
      const result = await work(step);
      const text = failures.attempt("capture", () => textOf(result));
      step.end({ attributes: defined({ [RUNLEDGER.toolValid]: true, [GEN_AI.toolCallResult]: text }) });
      attempts.ended(scope.run, key, attempt, false);
      scope.guard.toolEnded(false);
      return result;
    } catch (error) {
      const valid = !(error instanceof ToolError && error.code === "invalid_arguments");
      step.end({ attributes: { [RUNLEDGER.toolValid]: valid }, error: stepError(error) });
      attempts.ended(scope.run, key, attempt, true);
      scope.guard.toolEnded(true);
      throw error;
    }
  }

  return function tool<Input, Output>(definition: ToolDefinition<Input, Output>): ExactTool<Input, Output> {
    const { name, description } = definition;
    const schema = inputSchema(name, definition.input);
    async function call(args: Input | string, { callId }: { callId?: string } = {}): Promise<Output> {
      const scope = scopes.getStore();
      if (scope === undefined || scope.run.ended) return await execute(definition, schema, args, undefined);
      return await record(scope, name, args, callId, (step) =>
        scopes.run({ ...scope, span: step.span }, () => execute(definition, schema, args, scope.guard.signal)),
      );
    }
    const parameters = schema.jsonSchema === undefined ? {} : { parameters: { ...schema.jsonSchema } };
    const about = description === undefined ? {} : { description };
    return Object.assign(call, {
      definition: { type: "function" as const, function: { name, ...about, ...parameters } },
    });
  };
}

async function execute<Input, Output>(
  definition: ToolDefinition<Input, Output>,
  schema: InputSchema<Input>,
  args: unknown,
  stopped: AbortSignal | undefined,
): Promise<Output> {
  const input = await schema.parse(args);
  const { name, timeoutMs } = definition;
  const over = new AbortController();
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => over.abort(new ToolError(name, "timeout", `${name} took longer than ${timeoutMs} ms`)),
          timeoutMs,
        );
  const signal = stopped === undefined ? over.signal : AbortSignal.any([over.signal, stopped]);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([definition.run(input, { signal }), aborted.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
