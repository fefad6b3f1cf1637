import { setTimeout as sleep } from "node:timers/promises";
import { GEN_AI, RUNLEDGER } from "@runledger/contract";
import { defined } from "../run/run.ts";
import type { Scope } from "../run/scope.ts";
import type { ApprovalAnswer, ApprovalQuestion, Approver } from "./approver.ts";
import type { ToolDefinition } from "./tool-definition.ts";
import { ToolError } from "./tool-error.ts";

const CONFIRM_TIMEOUT_MS = 300_000;

/** The question to ask before this call; undefined: none is. */
export function questionOf<Input, Output>(
  { name, sideEffect, confirm = sideEffect === "irreversible" }: ToolDefinition<Input, Output>,
  input: Input,
): string | undefined {
  const asked = typeof confirm === "function" ? confirm(input) : confirm;
  if (asked === false) return undefined;
  if (typeof asked === "string") return asked;
  return `May ${name} be called with these arguments?${sideEffect === "irreversible" ? " It can't be undone." : ""}`;
}

export interface Confirmation {
  scope: Scope | undefined;
  approver: Approver;
  timeoutMs: number | undefined;
  question: Omit<ApprovalQuestion, "runId" | "agent" | "timeoutMs">;
}

/** Asks, and records what was said. @throws ToolError `approval_denied`, or the AgentStopped of a run that ended meanwhile. */
export async function confirmCall({ scope, approver, timeoutMs = CONFIRM_TIMEOUT_MS, question }: Confirmation) {
  const { tool } = question;
  const step = scope?.run.startStep(`approve ${tool}`, {
    kind: "approval",
    parent: scope.span,
    attributes: defined({
      [GEN_AI.operationName]: "approve",
      [RUNLEDGER.stepName]: tool,
      [RUNLEDGER.approvalTool]: tool,
      [GEN_AI.toolCallId]: question.callId,
    }),
  });
  const whole = { ...question, runId: scope?.run.root.traceId, agent: scope?.agent, timeoutMs };
  const answer = await answerOf(approver, whole, scope?.guard.signal);
  step?.end({
    attributes: defined({
      [RUNLEDGER.approvalApproved]: answer.approved,
      [RUNLEDGER.approvalBy]: answer.by ?? undefined,
      [RUNLEDGER.approvalId]: answer.approvalId,
      [RUNLEDGER.stepReason]: answer.reason ?? undefined,
    }),
  });
  scope?.guard.check();
  if (answer.approved) return;
  const why = [answer.by === null ? undefined : `by ${answer.by}`, answer.reason].filter(Boolean).join(": ");
  const denied = `${tool} was not approved${why === "" ? "" : ` (${why})`}; nothing was done`;
  throw new ToolError(tool, "approval_denied", denied);
}

/** No is also what a failure and silence mean. */
async function answerOf(approver: Approver, question: ApprovalQuestion, stopped: AbortSignal | undefined) {
  const over = new AbortController();
  const signal = stopped === undefined ? over.signal : AbortSignal.any([over.signal, stopped]);
  const no = (reason: string): ApprovalAnswer => ({ approved: false, by: null, reason });
  const silence = sleep(question.timeoutMs, no(`nobody answered within ${question.timeoutMs} ms`), {
    signal,
    ref: false,
  }).catch(() => no("the agent was stopped while it waited"));
  try {
    const answer = await Promise.race([approver.request(question, signal), silence]);
    return { ...answer, approved: answer.approved === true };
  } catch (error) {
    return no(`asking failed: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    over.abort();
  }
}
