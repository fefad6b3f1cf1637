import { z } from "zod";
import type { ModelResponse } from "./wire-format.ts";

const wireError = z.looseObject({
  message: z.string().nullish(),
  type: z.string().nullish(),
  /** Gemini's name for it. */
  status: z.string().nullish(),
  code: z.unknown().optional(),
});

/** The `error` member of an answer, whatever its form. */
export function errorOf(error: unknown): ModelResponse["error"] {
  if (error === undefined || error === null) return undefined;
  if (typeof error === "string") return { type: "error", message: error };
  const parsed = wireError.safeParse(error);
  if (!parsed.success) return { type: "error", message: JSON.stringify(error) };
  const { type, status, code, message } = parsed.data;
  return { type: type ?? status ?? (typeof code === "string" ? code : "error"), message: message ?? "" };
}
