import { z } from "zod";

/** The closed list of error codes of the HTTP API. */
const API_ERROR_CODES = [
  "invalid_argument",
  "unauthenticated",
  "permission_denied",
  "not_found",
  "conflict",
  "too_large",
  "rate_limited",
  "unavailable",
  "internal",
] as const;
export type ApiErrorCode = (typeof API_ERROR_CODES)[number];

/** Every error answer. `hint` tells the way out; never a stack trace. */
export const apiError = z.object({
  error: z.object({
    code: z.enum(API_ERROR_CODES),
    message: z.string(),
    hint: z.string().nullable(),
    details: z.array(z.object({ field: z.string(), message: z.string() })),
  }),
});
export type ApiError = z.infer<typeof apiError>;
