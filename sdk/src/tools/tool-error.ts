/** Why a tool of `ledger.tool` did not give a result of its own. The message is meant for the model. */
export type ToolErrorCode = "invalid_arguments" | "timeout";

export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: ToolErrorCode;
  readonly tool: string;

  constructor(tool: string, code: ToolErrorCode, message: string) {
    super(message);
    this.code = code;
    this.tool = tool;
  }
}
