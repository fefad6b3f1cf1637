import { type ApprovalDecision, MAX_CONTROL_APPROVALS } from "@runledger/contract";

type Tell = (decision: ApprovalDecision) => void;

/** Who waits for which request for approval. */
export interface AwaitedDecisions {
  add(approvalId: string, tell: Tell): void;
  remove(approvalId: string, tell: Tell): void;
  /** Of one question; when there are more, they take turns. */
  askedFor(): readonly string[];
  decided(decision: ApprovalDecision): void;
  isEmpty(): boolean;
  clear(): void;
}

export function createAwaitedDecisions(): AwaitedDecisions {
  const waiting = new Map<string, Set<Tell>>();
  return {
    add(approvalId, tell) {
      waiting.set(approvalId, (waiting.get(approvalId) ?? new Set()).add(tell));
    },
    remove(approvalId, tell) {
      const others = waiting.get(approvalId);
      others?.delete(tell);
      if (others?.size === 0) waiting.delete(approvalId);
    },
    askedFor() {
      const asked = [...waiting].slice(0, MAX_CONTROL_APPROVALS);
      if (waiting.size > MAX_CONTROL_APPROVALS) {
        for (const [id, tells] of asked) {
          waiting.delete(id);
          waiting.set(id, tells); // to the end of the map, which is in the order of insertion
        }
      }
      return asked.map(([id]) => id);
    },
    decided(decision) {
      const tells = waiting.get(decision.approval_id) ?? [];
      waiting.delete(decision.approval_id);
      for (const tell of tells) tell(decision);
    },
    isEmpty: () => waiting.size === 0,
    clear: () => waiting.clear(),
  };
}
