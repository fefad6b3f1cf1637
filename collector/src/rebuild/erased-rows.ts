import { erasedUserLabel, erasureTarget, type RunledgerRecord, userSubject } from "@runledger/contract";
import { eraseRows, type Keyring, type Rows, runsOfUser } from "@runledger/storage";

/** What the log's erasures took out of ClickHouse and a rebuild must not bring back. */
export interface ErasedRows {
  /** To be told of every record. */
  note(record: RunledgerRecord): void;
  /** After the last row. */
  erase(): Promise<void>;
}

interface Erasure {
  tenant: string;
  subject: { kind: "user"; pseudonym: string } | { kind: "run"; run_id: string };
  receivedUntil: string;
}

/** The acts name a person by pseudonym: whose it is shows only among the log's own people, and to who has the keys. */
export function createErasedRows(rows: Rows, keyring: Keyring | null): ErasedRows {
  const people = new Map<string, { tenant: string; userId: string }>();
  const erasures: Erasure[] = [];
  return {
    note: ({ act, tenant, run, received_time: receivedUntil }) => {
      if (run.user_id !== null) people.set(userSubject(tenant, run.user_id), { tenant, userId: run.user_id });
      const target = act?.action === "erasure" ? erasureTarget.safeParse(act.target) : null;
      if (target?.success) erasures.push({ tenant, subject: target.data.subject, receivedUntil });
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
        const runIds = await runsOfUser(rows, person.tenant, person.userId, receivedUntil);
        await eraseRows(rows, { ...person, runIds, label: erasedUserLabel(subject.pseudonym), receivedUntil });
      }
    },
  };
}
