import type { PreparedTool } from "./tool-call.ts";
import type { ToolContext } from "./tool-definition.ts";
import { ToolError } from "./tool-error.ts";

/** One attempt, given up at its time-out and when the run is stopped, whether the tool listens or not. Its result fits `output`. */
export async function attemptTool<Input, Output>(
  { definition, output }: PreparedTool<Input, Output>,
  input: Input,
  context: Omit<ToolContext, "signal">,
  stopped: AbortSignal | undefined,
): Promise<Output> {
  const { name, timeoutMs } = definition;
  const over = new AbortController();
  const timeUp = () => over.abort(new ToolError(name, "timeout", `${name} took longer than ${timeoutMs} ms`));
  const timer = timeoutMs === undefined ? undefined : setTimeout(timeUp, timeoutMs);
  const signal = stopped === undefined ? over.signal : AbortSignal.any([over.signal, stopped]);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const result = await Promise.race([definition.run(input, { ...context, signal }), aborted.promise]);
    if (output === undefined) return result;
    const checked = await output.check(result);
    if ("value" in checked) return checked.value;
    throw new ToolError(
      name,
      "invalid_result",
      `${name} gave a result that does not fit its schema\n${checked.faults}`,
    );
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
