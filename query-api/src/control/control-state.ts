import { type ApprovalState, createApprovalDocument } from "../approvals/approval-book.ts";
import type { Feature } from "../dependencies.ts";
import { createWatchedDocument, type WatchedDocument } from "../state/watched-document.ts";
import { createKillDocument, type KillState } from "./kill-book.ts";

/** What agents are told of: a document each, shared by all query APIs over one store. */
export interface ControlState {
  kills: WatchedDocument<KillState>;
  approvals: WatchedDocument<ApprovalState>;
}

export function openControlState({ dependencies, settings }: Feature): ControlState {
  const { objects, clock, logger } = dependencies;
  const watching = { clock, onError: (error: unknown) => logger.warn({ err: error }, "control: the store is away") };
  return {
    kills: createWatchedDocument(createKillDocument(objects), watching, settings.controlPollMs),
    approvals: createWatchedDocument(createApprovalDocument(objects), watching, settings.controlPollMs),
  };
}
