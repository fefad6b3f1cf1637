import { DIRECTORY } from "../record/paths.ts";
import { openCheckpoint, unverifiedCheckpoint } from "./checkpoint.ts";
import { LogError } from "./log-error.ts";
import type { RecordedHead } from "./recorded-heads.ts";
import type { NoteVerifier } from "./signed-note.ts";
import type { Findings } from "./verification.ts";

/** Earlier checkpoints of the caller's as heads that the directory must have had: those of its name. @throws LogError `malformed` for one that is none. */
export function sinceOfDirectory(
  notes: readonly Uint8Array[],
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): RecordedHead[] {
  const ofDirectory = notes.filter((note) => unverifiedCheckpoint(note).origin.endsWith(`/${DIRECTORY}`));
  return ofDirectory.flatMap((note) => headOf(note, verifiers, findings));
}

/** Of each log the earlier checkpoints of its name. One of no log here is a finding. `heads`: by log, those that are verified. */
export function sinceByLog(
  notes: readonly Uint8Array[],
  heads: ReadonlyMap<string, Uint8Array | null>,
  findings: Findings,
): Map<string, Uint8Array[]> {
  const since = new Map<string, Uint8Array[]>();
  const origins = new Map<string, string[]>();
  const names = [...heads.keys()];
  for (const [name, head] of heads) {
    const origin = head && originOf(head);
    if (origin !== null) origins.set(origin, [...(origins.get(origin) ?? []), name]);
  }
  // An older or truer history beside the one that is shown would answer for it.
  for (const [origin, [first, ...others]] of origins)
    if (others.length > 0)
      findings.add("TAMPERED", `shard ${others.join(", ")}`, `its log is ${origin}, as that of shard ${first} is`);
  for (const note of notes) {
    const { origin } = unverifiedCheckpoint(note);
    if (origin.endsWith(`/${DIRECTORY}`)) continue;
    // Of one log it is compared with whatever is there.
    const named = origins.get(origin) ?? (names.length === 1 ? names : []);
    if (named.length === 0) findings.add("TAMPERED", "earlier checkpoint", `it is of ${origin}, and no log here is`);
    for (const name of named) since.set(name, [...(since.get(name) ?? []), note]);
  }
  return since;
}

/** [] after a finding, when no key of the caller's signed it. */
export function headOf(note: Uint8Array, verifiers: readonly NoteVerifier[], findings: Findings): RecordedHead[] {
  try {
    return [{ ...openCheckpoint(note, verifiers), where: "earlier checkpoint" }];
  } catch (error) {
    if (!(error instanceof LogError) || error.code === "malformed") throw error;
    findings.add("UNTRUSTED", "earlier checkpoint", error.message);
    return [];
  }
}

function originOf(note: Uint8Array): string | null {
  try {
    return unverifiedCheckpoint(note).origin;
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
}
