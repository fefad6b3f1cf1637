/** Why a tool of `ledger.tool` did not give a result of its own. The message is meant for the model. */
export const TOOL_ERROR_CODES = [
  /** No such tool; the message lists those that there are. */
  "unknown_tool",
  "invalid_arguments",
  /** The run's principal may not. */
  "permission_denied",
  /** It had to be confirmed, and was not. */
  "approval_denied",
  "timeout",
  /** What it gave does not fit its `output`. */
  "invalid_result",
  /** All tries failed; `cause` is the last one's error. */
  "failed",
  /** A process that died had begun a call with this idempotency key, and nobody knows how it went. */
  "outcome_unknown",
  /** More idempotency keys than a run can remember: going on would risk doing things twice. */
  "too_many_keys",
] as const;
export type ToolErrorCode = (typeof TOOL_ERROR_CODES)[number];

export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: ToolErrorCode;
  readonly tool: string;

  constructor(tool: string, code: ToolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.tool = tool;
  }
}
