import type { LimitGuard } from "../limits/limit-guard.ts";
import type { PreparedTool } from "./tool-call.ts";
import type { ToolContext } from "./tool-definition.ts";
import { ToolError } from "./tool-error.ts";

/** One attempt, given up at its time-out and when the run is stopped, whether the tool listens or not. Its result fits `output`. */
export async function attemptTool<Input, Output>(
  { definition, output }: PreparedTool<Input, Output>,
  input: Input,
  context: Omit<ToolContext, "signal">,
  guard: LimitGuard | undefined,
): Promise<Output> {
  const { name, timeoutMs } = definition;
  const over = timeoutMs === undefined ? undefined : new AbortController();
  const given = definition.run(input, withSignal(context, [over?.signal, guard?.signal]));
  const result = isPromise(given) ? await untilOver(given, { name, timeoutMs, over, guard }) : given;
  if (output === undefined) return result;
  const checked = await output.check(result);
  if ("value" in checked) return checked.value;
  throw new ToolError(name, "invalid_result", `${name} gave a result that does not fit its schema\n${checked.faults}`);
}

interface Bounds {
  name: string;
  timeoutMs: number | undefined;
  over: AbortController | undefined;
  guard: LimitGuard | undefined;
}

async function untilOver<T>(running: PromiseLike<T>, { name, timeoutMs, over, guard }: Bounds): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const forget = guard?.whenStopped(() => aborted.reject(guard.signal.reason));
  const timeUp = () => {
    const error = new ToolError(name, "timeout", `${name} took longer than ${timeoutMs} ms`);
    over?.abort(error);
    aborted.reject(error);
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(timeUp, timeoutMs);
  try {
    return await Promise.race([running, aborted.promise]);
  } finally {
    clearTimeout(timer);
    forget?.();
  }
}

/** Most tools never ask for it, and it costs more than the rest of a call. */
function withSignal(context: Omit<ToolContext, "signal">, sources: (AbortSignal | undefined)[]): ToolContext {
  let signal: AbortSignal | undefined;
  return {
    ...context,
    get signal() {
      signal ??= AbortSignal.any(sources.filter((source) => source !== undefined));
      return signal;
    },
  };
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
