import type { StepError } from "./run.ts";

/** An error as a step tells it. A failed connection says little itself: its cause names the reason. */
export function stepError(error: unknown): StepError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { cause } = error;
  if (!(cause instanceof Error)) return { type: codeOf(error) ?? error.name, message: error.message };
  return { type: codeOf(cause) ?? codeOf(error) ?? error.name, message: `${error.message}: ${cause.message}` };
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" && error.code !== "" ? error.code : undefined;
}
