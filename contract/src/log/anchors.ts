import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { cosignersOf } from "./cosignature.ts";
import { LogError } from "./log-error.ts";
import type { ReadObject } from "./log-reader.ts";
import { quorumTimes, type TrustPolicy } from "./policy.ts";
import { type AttestedHead, cosignedBy } from "./received-times.ts";
import type { RecordedHead } from "./recorded-heads.ts";
import type { NoteVerifier } from "./signed-note.ts";
import type { Findings } from "./verification.ts";
import type { ListPaths } from "./verify-checkpoints.ts";

/** Says when a time stamp was made over `stamped`, as an RFC 3339 time. @throws LogError when it can't be trusted. */
export type CheckTimestamp = (token: Uint8Array, stamped: Uint8Array) => Promise<string>;

/** What others attest of a log's heads. */
export interface Anchors {
  /** To be compared with the tree. */
  heads: RecordedHead[];
  /** All that are under a quorum or have a time stamp that was checked. */
  attested: AttestedHead[];
  /** The largest head under a quorum of the policy's witnesses, and since when a quorum of its cosignatures was made (seconds since the epoch); null: none. */
  witnessed: { size: number; time: number; by: string[] } | null;
  /** The largest head with a time stamp that was checked; null: none. */
  stamped: { size: number; time: string } | null;
  cosignedChecked: number;
  /** Null: nobody was named whose time stamps count. */
  timestampsChecked: number | null;
}

/** Newer ones are looked at first; that is a week of one a minute. */
const MAX_COSIGNED = 10_080;
const MAX_STAMPED = 9_000;

/** Reads what lies beside a log and checks each by itself: signatures, cosignatures, time stamps. Whether the tree has those heads is compared later. */
export async function readAnchors(
  log: { read: ReadObject; list?: ListPaths; checkTimestamp?: CheckTimestamp },
  policy: Pick<TrustPolicy, "witnesses" | "quorum">,
  verifiers: readonly NoteVerifier[],
  findings: Findings,
): Promise<Anchors> {
  const { checkTimestamp } = log;
  const anchors: Anchors = {
    heads: [],
    attested: [],
    witnessed: null,
    stamped: null,
    cosignedChecked: 0,
    timestampsChecked: checkTimestamp === undefined ? null : 0,
  };
  const paths = log.list === undefined ? [] : await pathsOf(log.list);
  // The newest last: what has come meanwhile is covered by it.
  const cosigned = [...paths.filter((path) => path.endsWith(".cosigned")).slice(-MAX_COSIGNED), "cosigned"];
  for (const path of cosigned) {
    await guarded(findings, path, async () => {
      const note = await log.read(path);
      if (note === null) return;
      const head = openCheckpoint(note, verifiers);
      anchors.heads.push({ size: head.size, root: head.root, where: path });
      anchors.cosignedChecked++;
      witness(anchors, note, head, policy);
    });
  }
  if (checkTimestamp === undefined) return anchors;
  for (const path of paths.filter((path) => path.endsWith(".tsr")).slice(-MAX_STAMPED)) {
    await guarded(findings, path, async () => {
      const size = sizeOf(path);
      const [token, note] = await Promise.all([log.read(path), log.read(`checkpoints/${digits(size)}`)]);
      if (token === null) return;
      if (note === null) throw new LogError("missing", "the checkpoint that it is the time stamp of is missing");
      const time = await checkTimestamp(token, note);
      const head = openCheckpoint(note, verifiers);
      if (head.size !== size) throw new LogError("mismatch", `the checkpoint beside it is of size ${head.size}`);
      anchors.heads.push({ size, root: head.root, where: path });
      anchors.timestampsChecked = (anchors.timestampsChecked ?? 0) + 1;
      anchors.attested.push({ size, timeMs: Date.parse(time), by: "time stamp" });
      if (size >= (anchors.stamped?.size ?? 0)) anchors.stamped = { size, time };
    });
  }
  return anchors;
}

function witness(
  anchors: Anchors,
  note: Uint8Array,
  head: Checkpoint,
  policy: Pick<TrustPolicy, "witnesses" | "quorum">,
): void {
  const times = cosignersOf(
    note,
    policy.witnesses.map(({ cosigner }) => cosigner),
  );
  const quorum = policy.quorum && quorumTimes(policy.quorum, times);
  if (quorum === null) return;
  const by = policy.witnesses.filter(({ cosigner }) => times.has(cosigner)).map(({ name }) => name);
  anchors.attested.push(cosignedBy(head.size, by, quorum.reached));
  if (head.size < (anchors.witnessed?.size ?? 0)) return;
  anchors.witnessed = { size: head.size, time: quorum.newest, by };
}

/** Notes what is wrong with something signed. */
export async function guarded(findings: Findings, path: string, act: () => Promise<void> | void): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const verdicts = { untrusted: "UNTRUSTED", missing: "INCOMPLETE" } as const;
    findings.add(
      error.code === "untrusted" || error.code === "missing" ? verdicts[error.code] : "TAMPERED",
      path,
      error.message,
    );
  }
}

async function pathsOf(list: ListPaths): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of list("anchors/")) if (/^anchors\/\d{15}\.(?:cosigned|tsr)$/.test(path)) paths.push(path);
  return paths;
}

function sizeOf(path: string): number {
  return Number(path.slice("anchors/".length).split(".")[0]);
}

function digits(size: number): string {
  return String(size).padStart(15, "0");
}
