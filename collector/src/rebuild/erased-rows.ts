import { erasedUserLabel, erasureTarget, type RunledgerRecord, userSubject } from "@runledger/contract";
import { eraseRows, type Keyring, type Rows, runsOfUser } from "@runledger/storage";

/** What the log's erasures took out of ClickHouse and a rebuild must not bring back. */
export interface ErasedRows {
  /** To be told of every record of a shard's log, in its order. */
  note(shard: string, record: RunledgerRecord): void;
  /** After the last row. */
  erase(): Promise<void>;
}

interface Erasure {
  tenant: string;
  subject: { kind: "user"; pseudonym: string } | { kind: "run"; run_id: string };
  receivedUntil: string;
}

/** So far a collector's clock may have been set back before an act: what stands before it in its log was received before it, whatever was written. */
const SET_BACK_MS = 3_600_000;

/** The acts name a person by pseudonym: whose it is shows only among the log's own people, and to who has the keys. */
export function createErasedRows(rows: Rows, keyring: Keyring | null): ErasedRows {
  const people = new Map<string, { tenant: string; userId: string }>();
  const erasures: Erasure[] = [];
  const newestOf = new Map<string, string>();
  return {
    note: (shard, { act, tenant, run, received_time }) => {
      const newest = newestOf.get(shard) ?? "";
      if (received_time > newest) newestOf.set(shard, received_time);
      if (run.user_id !== null) people.set(userSubject(tenant, run.user_id), { tenant, userId: run.user_id });
      const target = act?.action === "erasure" ? erasureTarget.safeParse(act.target) : null;
      if (!target?.success) return;
      const isSetBack = newest > received_time && Date.parse(newest) - Date.parse(received_time) <= SET_BACK_MS;
      erasures.push({ tenant, subject: target.data.subject, receivedUntil: isSetBack ? newest : received_time });
    },
    erase: async () => {
      if (erasures.length === 0) return;
      const byPseudonym = new Map([...people].map(([subject, person]) => [keyring?.pseudonymOf(subject), person]));
      for (const { tenant, subject, receivedUntil } of erasures) {
        if (subject.kind === "run") {
          const runIds = [subject.run_id];
          await eraseRows(rows, { tenant, userId: null, runIds, label: "", receivedUntil });
          continue;
        }
        const person = byPseudonym.get(subject.pseudonym);
        if (person === undefined) continue;
        const theirs = { ...person, label: erasedUserLabel(subject.pseudonym), receivedUntil };
        await eraseRows(rows, { ...theirs, runIds: await runsOfUser(rows, theirs) });
      }
    },
  };
}
