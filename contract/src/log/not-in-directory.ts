import { DIRECTORY } from "../record/paths.ts";
import { logName, unverifiedCheckpoint } from "./checkpoint.ts";
import { LogError } from "./log-error.ts";
import { type ReadObject, readEntry } from "./log-reader.ts";
import type { NoteVerifier } from "./signed-note.ts";
import { CHECKPOINT_PATH } from "./tile-path.ts";
import type { Findings, LogVerification } from "./verification.ts";

/** A directory takes a shard's first head at once; whoever keeps it may be down for a while. */
const MAX_UNRECORDED_MS = 15 * 60_000;
const CURE = "It is recorded by a running collector that has keys/log-directory.key: start one, then verify again";

/** A collector's own shard is in its directory in a moment, another's in a minute. */
const JUST_BEGUN_MS = 60_000;

/** A policy names a directory, and the store has none. `begun`: what the shards' first entries say; null: no word. */
export function addAbsentDirectory(begun: readonly (string | null)[], now: number, findings: Findings): void {
  const [since] = begun.filter((first) => first !== null).toSorted();
  const what = "your policy names a directory of the shards, and there is none here";
  const records = since === undefined ? "" : `, with records since ${since}`;
  const isYoung = since !== undefined && Math.abs(now * 1000 - Date.parse(since)) <= JUST_BEGUN_MS;
  const cure = isYoung ? "That is just now: verify again in a minute" : CURE;
  findings.add("INCOMPLETE", CHECKPOINT_PATH, `${what}${records}. ${cure}; if there was one before, it was removed`);
}

/**
 * Logs whose keys the caller gave and that are not here. Without a directory (`isByKeys`), which tells of every log that had a record, the keys tell which
 * logs there must be; with one they are a note, since who holds its key can begin it anew. `headless`: shards without a head, of which that is told.
 * @returns how many are missing.
 */
export function addAbsentLogs(
  verifiers: readonly NoteVerifier[],
  here: { logs: readonly Pick<LogVerification, "origin">[]; headless: readonly string[]; isByKeys: boolean },
  findings: Findings,
  notes: string[],
): number {
  const isThere = (name: string): boolean =>
    here.logs.some(({ origin }) => origin === name) || here.headless.includes(logName(name));
  const keys = new Set(verifiers.map((verifier) => verifier.name).filter((name) => !name.endsWith(`/${DIRECTORY}`)));
  const absent = [...keys].filter((name) => !isThere(name));
  if (absent.length > 0 && !here.isByKeys)
    notes.push(
      `Not here, though you gave keys of them: ${absent.join(", ")}. Removed, of another store, or not begun yet.`,
    );
  if (!here.isByKeys) return 0;
  for (const name of absent) {
    const what = "you gave its key, and it is not here";
    findings.add(
      "INCOMPLETE",
      `log ${name}`,
      `${what}; if it belongs elsewhere or has no record yet, leave its key out`,
    );
  }
  return absent.length;
}

/** A shard that the directory does not name: a note while its log is young, else INCOMPLETE, since nobody would miss it. `since`: what its first entry says. @returns the note. */
export function addUnrecordedShard(shard: string, since: string | null, now: number, findings: Findings): string[] {
  const what = `shard ${shard} is not in the directory yet${since === null ? "" : `, with records since ${since}`}. ${CURE}`;
  if (since !== null && Math.abs(now * 1000 - Date.parse(since)) <= MAX_UNRECORDED_MS) return [`${what}.`];
  findings.add("INCOMPLETE", `shard ${shard}`, `${what}; until then nobody would miss it if it were removed`);
  return [];
}

/** When a log's entry at `index` was received, as that says; it is not checked here. Null where none can be read. */
export async function receivedTimeAt(read: ReadObject, index: number): Promise<string | null> {
  try {
    const note = await read(CHECKPOINT_PATH);
    const size = note === null ? 0 : unverifiedCheckpoint(note).size;
    if (index >= size) return null;
    const { received_time: time } = JSON.parse(Buffer.from(await readEntry(read, index, size)).toString());
    return typeof time === "string" && !Number.isNaN(Date.parse(time)) ? time : null;
  } catch (error) {
    if (error instanceof LogError || error instanceof SyntaxError) return null;
    throw error;
  }
}
