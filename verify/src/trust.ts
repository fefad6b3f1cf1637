import {
  type Checkpoint,
  type CheckTimestamp,
  cosignersOf,
  DIRECTORY,
  type Findings,
  LogError,
  type NoteVerifier,
  openCheckpoint,
  quorumTimes,
  type TrustPolicy,
  unverifiedCheckpoint,
} from "@runledger/contract";

/** Whom the caller trusts. It comes from the caller's own files, never from what is verified. */
export interface Trust {
  /** `name+key id+key` each. */
  verifierKeys: readonly string[];
  /** Signed checkpoints that the caller kept from before, each of the log of its origin. */
  sinceCheckpoints?: readonly Uint8Array[];
  /** Whose cosignatures a head needs: nothing is VERIFIED without them. */
  witnessed?: Pick<TrustPolicy, "witnesses" | "quorum">;
  /** Whose time stamps count. */
  checkTimestamp?: CheckTimestamp;
}

/** Names of the witnesses that cosigned, and by when a quorum of them had, in seconds since the epoch. */
export interface Quorum {
  names: string[];
  time: number;
}

/** @throws LogError `malformed` when it is no checkpoint. */
export function openSince(note: Uint8Array, verifiers: readonly NoteVerifier[], findings: Findings): Checkpoint {
  try {
    return openCheckpoint(note, verifiers);
  } catch (error) {
    if (!(error instanceof LogError) || error.code === "malformed") throw error;
    findings.add("UNTRUSTED", "earlier checkpoint", error.message);
    return unverifiedCheckpoint(note);
  }
}

/** A bundle holds no directory's tiles, so nothing here can be compared with a directory's checkpoint. */
export function isOfDirectory({ origin }: Checkpoint): boolean {
  return origin.endsWith(`/${DIRECTORY}`);
}

export function checkSince(since: Checkpoint, head: Checkpoint, findings: Findings): void {
  if (since.origin !== head.origin)
    findings.add("TAMPERED", "checkpoint", `the earlier one is of ${since.origin}, this log is ${head.origin}`);
  if (since.size > head.size)
    findings.add("TAMPERED", "checkpoint", `the log had ${since.size} entries and has ${head.size} now`);
}

export function asksForQuorum({ witnessed }: Trust): boolean {
  return witnessed !== undefined && witnessed.quorum !== null;
}

/**
 * The caller's witnesses under a head and when, if they are the quorum that the caller's policy asks for: else null, and without a quorum too. `where`:
 * of the head, for a cosignature that is wrong.
 */
export function quorumOf(note: Uint8Array, { witnessed }: Trust, where: string, findings: Findings): Quorum | null {
  if (witnessed === undefined || witnessed.quorum === null) return null;
  try {
    const cosigners = witnessed.witnesses.map(({ cosigner }) => cosigner);
    const times = cosignersOf(note, cosigners);
    const quorum = quorumTimes(witnessed.quorum, times);
    if (quorum === null) return null;
    const names = witnessed.witnesses.filter(({ cosigner }) => times.has(cosigner)).map(({ name }) => name);
    return { names, time: quorum.reached };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    findings.add("TAMPERED", where, error.message);
    return null;
  }
}
