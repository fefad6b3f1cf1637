import { setTimeout as sleep } from "node:timers/promises";
import { statePath } from "@runledger/contract";
import { createWatchedDocument, type Objects, type WatchedDocument } from "@runledger/storage";
import { type ApprovalState, createApprovalDocument } from "../approvals/approval-book.ts";
import type { Feature } from "../dependencies.ts";
import { createLease, type Lease, whoRenews } from "../state/lease.ts";
import { createKillDocument, type KillState } from "./kill-book.ts";

const LEASE_PATH = statePath("lease");

/** What agents are told of: a document each, shared by all query APIs over one store. */
export interface ControlState {
  kills: WatchedDocument<KillState>;
  approvals: WatchedDocument<ApprovalState>;
  /** Of the one that raises alerts, delivers, and records what waits to be recorded. */
  lease: Lease;
}

export function openControlState({ app, dependencies, settings }: Feature): ControlState {
  const { objects, clock, logger } = dependencies;
  const watching = { clock, onError: (error: unknown) => logger.warn({ err: error }, "control: the store is away") };
  const lease = createLease(objects, LEASE_PATH, { holder: settings.instance, now: () => performance.now() });
  // Runs last, after those whose work the lease is for have ended: hooks of `onClose` run in the reverse order.
  app.addHook("onClose", () => lease.release().catch(watching.onError));
  return {
    kills: createWatchedDocument(createKillDocument(objects), watching, settings.controlPollMs),
    approvals: createWatchedDocument(createApprovalDocument(objects), watching, settings.controlPollMs),
    lease,
  };
}

/** The name of a process that runs over this store, whatever machine it is on; seen by what it does for all, so it takes seconds. Null: none is seen. */
export function whoRuns(objects: Objects): Promise<string | null> {
  return whoRenews(objects, LEASE_PATH, sleep);
}
