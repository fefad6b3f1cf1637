import type { RunledgerRecord } from "./record.ts";

/** Whose content something is, as one text without a newline: equal texts, the same subject. */
export type PayloadSubject = string;

/** The person, or else the run: what is erased as a whole, under a data key of its own. */
export function subjectOf({ tenant, run, run_id }: Pick<RunledgerRecord, "tenant" | "run" | "run_id">): PayloadSubject {
  return run.user_id === null ? runSubject(tenant, run_id) : userSubject(tenant, run.user_id);
}

export function userSubject(tenant: string, userId: string): PayloadSubject {
  return JSON.stringify([tenant, "user", userId]);
}

export function runSubject(tenant: string, runId: string): PayloadSubject {
  return JSON.stringify([tenant, "run", runId]);
}
