/** A tool call that waits for somebody's word. */
export interface ApprovalQuestion {
  /** Undefined outside of a run. */
  runId: string | undefined;
  agent: string | undefined;
  tool: string;
  callId: string | undefined;
  /** Where in its run it stands, in a later process of the run too: its idempotency key, by the model's id of it, or after which checkpoint. Undefined outside of a run. */
  place: string | undefined;
  /** JSON text, already checked against the tool's schema. */
  arguments: string;
  /** For a person. */
  question: string;
  /** Who has not answered by then has said no. */
  timeoutMs: number;
}

export interface ApprovalAnswer {
  approved: boolean;
  /** Who said so. */
  by: string | null;
  reason: string | null;
  /** Of the request, where it has one that others know. */
  approvalId?: string | undefined;
}

/** Whom to ask before what can't be undone is done. */
export interface Approver {
  /**
   * May take as long as the question allows; what it throws, and no answer in time, is a no. `signal` aborts when nobody waits any more. The same
   * question of the same run may come again from another process, and should find its answer.
   */
  request(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer>;
}

/** Nobody: the default of no. */
export const NOBODY_TO_ASK: Approver = {
  async request() {
    const reason = "there is nobody to ask: control is off, and createRunledger was given no `approver`";
    return { approved: false, by: null, reason };
  },
};
