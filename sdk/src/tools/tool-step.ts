import type { Attributes } from "@opentelemetry/api";
import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import { textOf, toolAttributes } from "../capture/inferred-tool.ts";
import { callKey, type PendingCall } from "../capture/tool-call-book.ts";
import type { Attempts } from "../run/attempts.ts";
import { defined, type OpenStep } from "../run/run.ts";
import type { Scope } from "../run/scope.ts";
import { stepError } from "../run/step-error.ts";
import { permissionName } from "./permission.ts";
import type { CallOptions, ToolDefinition } from "./tool-definition.ts";
import { ToolError } from "./tool-error.ts";

/** A call of an exact tool within a run, and how its steps are recorded: one for each attempt, refusal, repeat and fallback. */
export interface RecordedCall {
  readonly scope: Scope;
  /** @throws AgentStopped when a limit is reached. */
  begin(attributes?: Attributes): ToolStep;
  /** A step that nobody asked the limits for: what stands in for a failed one. */
  note(attributes: Attributes): ToolStep;
  /** Of the call as a whole. */
  ended(failed: boolean): void;
}
export interface ToolStep {
  readonly span: OpenStep["span"];
  readonly attempt: number;
  succeeded(text: string | undefined, attributes?: Attributes): void;
  failed(error: unknown): void;
}

/** What is known of the tool, the call, and who asked for it. */
export interface CallFacts {
  name: string;
  args: unknown;
  known: boolean;
  options: CallOptions;
  attributes: Attributes;
}

export function recordCall(scope: Scope, attempts: Attempts, facts: CallFacts): RecordedCall {
  const { name, args, known, options } = facts;
  const { run, guard } = scope;
  // As it is now: what runs may change them.
  const text = textOf(args) ?? "";
  const key = () => callKey(name, text);
  guard.addToolCall(key, name);
  const asked = run.toolCalls.claim(name, text, options.callId);
  const common = { ...toolAttributes(calledAs(facts, asked, text)), ...facts.attributes };

  function start(attempt: number, attributes: Attributes): ToolStep {
    const step = run.startStep(`execute_tool ${name}`, {
      kind: "tool",
      parent: scope.span,
      attributes: { ...common, [RUNLEDGER.toolKnown]: known, [RUNLEDGER.toolAttempt]: attempt, ...attributes },
    });
    return {
      span: step.span,
      attempt,
      succeeded(result, more = {}) {
        step.end({ attributes: { [RUNLEDGER.toolValid]: true, [GEN_AI.toolCallResult]: result, ...more } });
        attempts.ended(run, key, attempt, false);
      },
      failed(error) {
        step.end({ attributes: { [RUNLEDGER.toolValid]: validity(error) }, error: stepError(error) });
        attempts.ended(run, key, attempt, true);
      },
    };
  }

  return {
    scope,
    begin(attributes = {}) {
      guard.admit();
      return start(attempts.next(run, key), attributes);
    },
    note(attributes) {
      guard.addStep();
      return start(attempts.next(run, key), attributes);
    },
    ended: (failed) => guard.toolEnded(failed),
  };
}

/** What the definition promises of every call. */
export function definitionAttributes<Input, Output>(definition: ToolDefinition<Input, Output>): Attributes {
  return defined({
    [RUNLEDGER.toolSideEffect]: definition.sideEffect,
    [RUNLEDGER.toolPermission]: permissionName(definition.permission),
  });
}

function calledAs({ name, options }: CallFacts, asked: PendingCall | undefined, args: string) {
  const callId = asked?.callId ?? options.callId;
  return { ...asked, name, arguments: args, ...(callId === undefined ? {} : { callId }) };
}

/** Undefined: nobody looked at its arguments. */
function validity(error: unknown): boolean | undefined {
  if (!(error instanceof ToolError)) return true;
  return error.code === "unknown_tool" ? undefined : error.code !== "invalid_arguments";
}
