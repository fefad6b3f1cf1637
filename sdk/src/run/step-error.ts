import type { StepError } from "./run.ts";

/** An error as a step tells it, whatever an agent throws: one that can't be looked at is one too. */
export function stepError(error: unknown): StepError {
  try {
    return readError(error);
  } catch {
    return { type: "unreadable", message: "what was thrown can't be read" };
  }
}

/** A failed connection says little itself: its cause names the reason. */
function readError(error: unknown): StepError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { cause } = error;
  if (!(cause instanceof Error)) return { type: String(codeOf(error) ?? error.name), message: String(error.message) };
  return { type: codeOf(cause) ?? codeOf(error) ?? error.name, message: `${error.message}: ${cause.message}` };
}

function codeOf(error: Error): string | undefined {
  return "code" in error && typeof error.code === "string" && error.code !== "" ? error.code : undefined;
}
