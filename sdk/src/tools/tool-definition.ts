import type { SideEffect } from "@runledger/contract";
import type { z } from "zod";
import type { Principal } from "../run/principal.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { Permission } from "./permission.ts";
import type { RetryOptions } from "./retry.ts";

export interface ToolContext {
  /** Aborts at the time-out, and when the agent is stopped. A tool that does not listen is given up all the same. */
  signal: AbortSignal;
  /** From 1. */
  attempt: number;
  /** What the attempt before failed with. */
  lastError: unknown;
  /** To hand on to services that know such keys. */
  idempotencyKey: string | undefined;
  callId: string | undefined;
  principal: Principal | undefined;
}

export interface ToolDefinition<Input, Output> {
  name: string;
  /** For the model. */
  description?: string;
  /** zod, or JSON Schema. Checked before anything runs. */
  input: z.ZodType<Input> | JsonSchema;
  /** What it gives, checked before anybody has it. */
  output?: z.ZodType<Output> | JsonSchema;
  run: (input: Input, context: ToolContext) => Output | Promise<Output>;
  /** `none` only looks; `irreversible` is confirmed by somebody, unless `confirm` says otherwise. */
  sideEffect?: SideEffect;
  /** What the run's principal must have. */
  permission?: Permission<Input>;
  /** Whether somebody must agree first; a function decides by the arguments, and may word the question. */
  confirm?: boolean | ((input: Input) => boolean | string);
  /** How long to wait for that word, ms. Then it is no. 300 000. */
  confirmTimeoutMs?: number;
  /** Milliseconds until an attempt is given up with a ToolError `timeout`. */
  timeoutMs?: number;
  /** Tries in all, or how to try. Only for a tool that is `idempotent`, or has the side effect `none`. */
  retry?: number | RetryOptions;
  /** It can safely be done again; a function names what is one and the same doing, and its second call gets the first one's result. */
  idempotent?: boolean | ((input: Input, call: { callId: string | undefined }) => string);
  /** UTF-8 bytes that the model may be given of a result; of a larger one it gets a `CutResult`. */
  maxResultBytes?: number;
  /** Instead of a result when it failed: a value, or a function of what it failed with. */
  fallback?: Output | ((input: Input, error: unknown) => Output | Promise<Output>);
}

/** Of one call. */
export interface CallOptions {
  /** The model's id of the call. */
  callId?: string | undefined;
  /** Wins over the one that the tool's `idempotent` makes. */
  idempotencyKey?: string | undefined;
}

/** @throws Error that says what does not go together; when the tool is defined, not when it is called. */
export function checkDefinition<Input, Output>(definition: ToolDefinition<Input, Output>): void {
  const { name, retry, idempotent, sideEffect, maxResultBytes, timeoutMs, confirmTimeoutMs } = definition;
  const fault = (what: string) => new Error(`runledger: bad tool ${name}: ${what}`);
  const attempts = typeof retry === "number" ? retry : (retry?.attempts ?? 1);
  if (!Number.isInteger(attempts) || attempts < 1) throw fault("retry is a number of attempts, from 1");
  if (attempts > 1 && !idempotent && sideEffect !== "none") {
    throw fault("only what is `idempotent`, or has the side effect `none`, may be tried again");
  }
  for (const [what, value] of Object.entries({ maxResultBytes, timeoutMs, confirmTimeoutMs })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw fault(`${what} is a whole number above 0`);
  }
}
