import type { Attributes } from "@opentelemetry/api";
import { RUNLEDGER } from "@runledger/contract";
import { textOf } from "../capture/inferred-tool.ts";
import type { Failures } from "../failures.ts";
import { causedByStop } from "../limits/agent-stopped.ts";
import type { ReplaySession } from "../replay/replay-session.ts";
import type { Approver } from "./approver.ts";
import { attemptTool } from "./attempt-tool.ts";
import { type Confirmation, confirmCall, questionOf } from "./confirmation.ts";
import { type CutResult, cutResult } from "./cut-result.ts";
import { checkPermission } from "./permission.ts";
import type { FirstResult } from "./result-book.ts";
import type { RetryPolicy } from "./retry.ts";
import type { CallOptions, ToolContext, ToolDefinition } from "./tool-definition.ts";
import { TOOL_ERROR_CODES, ToolError } from "./tool-error.ts";
import type { RecordedCall, ToolStep } from "./tool-step.ts";
import type { ValueSchema } from "./value-schema.ts";

/** A tool, ready to be called. */
export interface PreparedTool<Input, Output> {
  definition: ToolDefinition<Input, Output>;
  input: ValueSchema<Input>;
  output: ValueSchema<Output> | undefined;
  retry: RetryPolicy;
}

export interface ToolCall<Input, Output> {
  tool: PreparedTool<Input, Output>;
  args: unknown;
  options: CallOptions;
  /** Undefined outside of a run: checked and bounded, not recorded. */
  recorded: RecordedCall | undefined;
  approver: Approver;
  failures: Failures;
  /** Within a replay: what attempts gave in the recorded run. */
  replay: ReplaySession | undefined;
  /** Runs work so that what it calls hangs below a step. */
  within: <T>(step: ToolStep | undefined, work: () => T) => T;
}

/** One call from its arguments to what the model gets. Nothing runs before all has been checked, in the order of what is cheapest to refuse. */
export async function callTool<Input, Output>(call: ToolCall<Input, Output>): Promise<Output | CutResult> {
  const { tool, recorded } = call;
  const { definition } = tool;
  let ready: ReadyCall<Input, Output>;
  try {
    const input = await checkedArguments(tool, call.args);
    checkPermission(definition.name, definition.permission, input, recorded?.scope.principal);
    ready = readyCall(call, input);
  } catch (error) {
    return refuse(call, error);
  }
  const { key } = ready;
  if (key === undefined || recorded === undefined) return await confirmAndRun(ready);
  const { results } = recorded.scope.run;
  for (let running = results.first(definition.name, key); running; running = results.first(definition.name, key)) {
    const first = await running;
    if (first !== undefined) return repeat(ready, recorded, first);
  }
  // From here to the beginning nothing is waited for: of two that have found no first call, one is it.
  if (results.isUnknown(definition.name, key) && definition.idempotent === undefined) {
    return refuse(call, unknownOutcome(definition.name));
  }
  return await runOnce(ready, recorded, key);
}

interface ReadyCall<Input, Output> extends ToolCall<Input, Output> {
  input: Input;
  idempotencyKey: string | undefined;
  /** What people are to be asked. */
  question: Confirmation["question"] | undefined;
  /** What it is known by in its run, if it is done once only. */
  key: string | undefined;
  /** Told before the first attempt. */
  onRunning?: () => void;
}

async function checkedArguments<Input, Output>({ definition, input }: PreparedTool<Input, Output>, args: unknown) {
  const { name } = definition;
  const invalid = (why: string) => new ToolError(name, "invalid_arguments", `invalid arguments for ${name}${why}`);
  let value = args;
  if (typeof args === "string") {
    try {
      value = JSON.parse(args === "" ? "{}" : args);
    } catch {
      throw invalid(": not JSON");
    }
  }
  const checked = await input.check(value);
  if ("faults" in checked) throw invalid(`\n${checked.faults}`);
  return checked.value;
}

function keyOf<Input, Output>({ idempotent }: ToolDefinition<Input, Output>, input: Input, options: CallOptions) {
  const { idempotencyKey, callId } = options;
  return idempotencyKey ?? (typeof idempotent === "function" ? idempotent(input, { callId }) : undefined);
}

/** What people agree to is done once, with a key or without: after a crash neither the call nor their answer is taken for another one. */
function readyCall<Input, Output>(call: ToolCall<Input, Output>, input: Input): ReadyCall<Input, Output> {
  const { tool, options, recorded } = call;
  const { definition } = tool;
  const idempotencyKey = keyOf(definition, input, options);
  const asked = questionOf(definition, input);
  if (asked === undefined) return { ...call, input, idempotencyKey, question: undefined, key: idempotencyKey };
  const args = textOf(input) ?? "";
  const own = idempotencyKey === undefined ? undefined : { place: idempotencyKey, key: idempotencyKey };
  const known = own ?? recorded?.scope.run.results.callKeys.next(definition.name, options.callId, args);
  const { name: toolName } = definition;
  const question = { tool: toolName, callId: options.callId, place: known?.place, arguments: args, question: asked };
  return { ...call, input, idempotencyKey, question, key: known?.key };
}

function refuse<Input, Output>(
  { recorded }: ToolCall<Input, Output>,
  error: unknown,
  attributes: Attributes = {},
): never {
  recorded?.begin(attributes).failed(error);
  recorded?.ended(true);
  throw error;
}

function unknownOutcome(tool: string): ToolError {
  const words = `${tool} was begun with this idempotency key by a process that died, and nobody knows how it went: look before it is done again`;
  return new ToolError(tool, "outcome_unknown", words);
}

/** The same doing once more: its first result. */
function repeat<Input, Output>(
  { tool, failures, idempotencyKey }: ReadyCall<Input, Output>,
  recorded: RecordedCall,
  { stepId, result }: FirstResult,
): Output | CutResult {
  const step = recorded.begin({ ...keyAttributes(idempotencyKey), [RUNLEDGER.toolSameAs]: stepId });
  const text = failures.attempt("capture", () => textOf(result));
  step.succeeded(text, cutAttributes(cutResult(text, tool.definition.maxResultBytes)));
  recorded.ended(false);
  return result as Output | CutResult;
}

/** While it runs, others with its key wait for it. */
async function runOnce<Input, Output>(call: ReadyCall<Input, Output>, recorded: RecordedCall, key: string) {
  const begun = recorded.scope.run.results.begin(call.tool.definition.name, key);
  let lastStep = "";
  const within: typeof call.within = (step, work) => {
    lastStep = step?.span.spanId ?? lastStep;
    return call.within(step, work);
  };
  try {
    const result = await confirmAndRun({ ...call, within, onRunning: begun.running });
    begun.succeeded({ stepId: lastStep, result });
    return result;
  } catch (error) {
    begun.failed();
    throw error;
  }
}

async function confirmAndRun<Input, Output>(call: ReadyCall<Input, Output>): Promise<Output | CutResult> {
  const { tool, recorded, question, approver } = call;
  const { definition } = tool;
  const confirmed = question === undefined ? undefined : call.replay?.confirmed(definition.name, call.args);
  if (confirmed === false) {
    const denied = `${definition.name} was not approved in the recorded run`;
    return refuse(call, new ToolError(definition.name, "approval_denied", denied), {
      [RUNLEDGER.toolConfirmed]: false,
    });
  }
  if (question !== undefined && confirmed === undefined) {
    try {
      await confirmCall({ scope: recorded?.scope, approver, timeoutMs: definition.confirmTimeoutMs, question });
    } catch (error) {
      return causedByStop(error) ? Promise.reject(error) : refuse(call, error, { [RUNLEDGER.toolConfirmed]: false });
    }
  }
  try {
    call.onRunning?.();
    const result = await tryUntilDone(call, question === undefined ? {} : { [RUNLEDGER.toolConfirmed]: true });
    recorded?.ended(false);
    return result;
  } catch (error) {
    if (causedByStop(error) !== undefined) throw error;
    recorded?.ended(true);
    if (definition.fallback === undefined) throw error;
    return await fallBack(call, error);
  }
}

async function tryUntilDone<Input, Output>(call: ReadyCall<Input, Output>, attributes: Attributes) {
  const { tool, recorded, input, idempotencyKey, options } = call;
  const { retry, definition } = tool;
  const guard = recorded?.scope.guard;
  let lastError: unknown;
  for (let attempt = 1; ; attempt++) {
    const step = recorded?.begin({ ...attributes, ...keyAttributes(idempotencyKey) });
    const { principal } = recorded?.scope ?? {};
    const context: Omit<ToolContext, "signal"> = {
      attempt,
      lastError,
      idempotencyKey,
      callId: options.callId,
      principal,
    };
    try {
      const result = await call.within(step, () => attempted(call, () => attemptTool(tool, input, context, guard)));
      return settled(call, step, result, {});
    } catch (error) {
      step?.failed(error);
      lastError = error;
      if (attempt >= retry.attempts || !retry.mayRetry(error))
        throw attempt === 1 ? error : gaveUp(definition.name, attempt, error);
    }
    await retry.wait(attempt, guard?.signal);
  }
}

function keyAttributes(idempotencyKey: string | undefined): Attributes {
  return idempotencyKey === undefined ? {} : { [RUNLEDGER.toolIdempotencyKey]: idempotencyKey };
}

/** In a replay the recorded attempt; nothing runs. @throws ReplayDiverged, and what the attempt threw. */
async function attempted<Input, Output>(
  { replay, tool, args }: ReadyCall<Input, Output>,
  run: () => Promise<Output>,
  fallback = false,
): Promise<Output> {
  const { name } = tool.definition;
  const recorded = replay?.tool(name, args, fallback);
  if (recorded === undefined) return await run();
  const { error } = recorded;
  if (error === null) return recorded.tool?.result as Output;
  const message = error.message ?? error.type;
  const code = TOOL_ERROR_CODES.find((known) => known === error.type);
  throw code === undefined
    ? Object.assign(new Error(message), { name: error.type })
    : new ToolError(name, code, message);
}

function gaveUp(tool: string, attempts: number, cause: unknown): ToolError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ToolError(tool, "failed", `${tool} failed after ${attempts} attempts: ${why}`, { cause });
}

async function fallBack<Input, Output>(call: ReadyCall<Input, Output>, error: unknown): Promise<Output | CutResult> {
  const { recorded, input, tool } = call;
  const { fallback } = tool.definition;
  const step = recorded?.note({ [RUNLEDGER.toolFallback]: true });
  try {
    const isFunction = (value: unknown): value is (input: Input, error: unknown) => Output | Promise<Output> =>
      typeof value === "function";
    const value = isFunction(fallback)
      ? await call.within(step, () => attempted(call, async () => await fallback(input, error), true))
      : (fallback as Output);
    return settled(call, step, value, {});
  } catch (failure) {
    step?.failed(failure);
    throw failure;
  }
}

/** The result is recorded whole, and given as far as it may be. */
function settled<Input, Output>(
  { failures, tool }: ReadyCall<Input, Output>,
  step: ToolStep | undefined,
  result: Output,
  attributes: Attributes,
): Output | CutResult {
  const { maxResultBytes } = tool.definition;
  if (step === undefined && maxResultBytes === undefined) return result;
  const text = failures.attempt("capture", () => textOf(result));
  const cut = cutResult(text, maxResultBytes);
  step?.succeeded(text, { ...attributes, ...cutAttributes(cut) });
  return cut ?? result;
}

function cutAttributes(cut: CutResult | undefined): Attributes {
  return cut === undefined ? {} : { [RUNLEDGER.toolCutToBytes]: Buffer.byteLength(cut.beginning) };
}
