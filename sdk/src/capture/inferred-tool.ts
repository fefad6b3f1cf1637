import type { Attributes } from "@opentelemetry/api";
import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import { z } from "zod";
import type { Scope } from "../run/scope.ts";
import type { OfferedTool } from "../wire/wire-format.ts";
import { callKey, type PendingCall } from "./tool-call-book.ts";

/** A tool call known from messages only: it ran, if it did, between the answer that asked and the request that carried its result. */
export function recordInferredTool(scope: Scope, call: PendingCall, seen: { endTime: number; result?: unknown }): void {
  const offered = call.offered().find((tool) => tool.name === call.name);
  const step = scope.run.startStep(`execute_tool ${call.name}`, {
    kind: "tool",
    parent: call.parent,
    startTime: call.askedTime,
    attributes: {
      ...toolAttributes(call),
      [RUNLEDGER.toolInferred]: true,
      [RUNLEDGER.toolKnown]: offered !== undefined,
      [RUNLEDGER.toolValid]: argumentsValid(call.arguments, offered),
      [GEN_AI.toolCallResult]: textOf(seen.result),
    },
  });
  const error =
    offered === undefined ? { type: "unknown_tool", message: `no tool ${call.name} was offered` } : undefined;
  step.end({ endTime: seen.endTime, error });
  scope.guard.addStep();
  scope.guard.addToolCall(() => callKey(call.name, call.arguments), call.name);
  // Whether a tool that we did not see fail has succeeded, we don't know.
  if (error !== undefined) scope.guard.toolEnded(true);
}

/** What every tool step says, inferred or exact. */
export function toolAttributes(call: {
  name: string;
  arguments: string;
  callId?: string;
  requestedBy?: { spanId: string };
}): Attributes {
  return {
    [GEN_AI.operationName]: "execute_tool",
    [GEN_AI.toolName]: call.name,
    [GEN_AI.toolType]: "function",
    [GEN_AI.toolCallId]: call.callId,
    [GEN_AI.toolCallArguments]: call.arguments,
    [RUNLEDGER.toolRequestedBy]: call.requestedBy?.spanId,
  };
}

/** Undefined: nothing to check them against. */
function argumentsValid(text: string, offered: OfferedTool | undefined): boolean | undefined {
  let args: unknown;
  try {
    args = JSON.parse(text === "" ? "{}" : text);
  } catch {
    return false;
  }
  if (offered?.parameters === undefined) return undefined;
  try {
    return schemaOf(offered.parameters)?.safeParse(args).success;
  } catch {
    return undefined;
  }
}

/** The same tools are offered with each call of an agent; of so many the schemas are remembered, over all runs. */
const MAX_SCHEMAS = 128;
const schemas = new Map<string, z.ZodType | undefined>();

/** Undefined: one that zod can't read says nothing about the arguments. */
function schemaOf(parameters: unknown): z.ZodType | undefined {
  const text = JSON.stringify(parameters);
  if (schemas.has(text)) return schemas.get(text);
  let schema: z.ZodType | undefined;
  try {
    schema = z.fromJSONSchema(parameters as z.core.JSONSchema.JSONSchema);
  } catch {
    schema = undefined;
  }
  if (schemas.size >= MAX_SCHEMAS) schemas.clear();
  schemas.set(text, schema);
  return schema;
}

/** Undefined for what has no text: a cycle, a value that can't be read. */
export function textOf(value: unknown): string | undefined {
  try {
    return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
  } catch {
    return undefined;
  }
}
