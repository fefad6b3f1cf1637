import { GEN_AI, type PayloadName, type RunledgerRecord } from "@runledger/contract";
import { NAMES_IN_EVENTS } from "./log-content.ts";
import type { Content, Payloads } from "./record-content.ts";

/** Which contents of a step's log records are shown. It is asked for those with the details of a call first, the newest before the others. */
export interface LogChoice {
  /** Null: nothing of it is shown. */
  of(record: RunledgerRecord): Payloads | null;
  /** Does it say what is wanted of the next ones? Then it is to be read before they are asked for. */
  decides(record: RunledgerRecord): boolean;
  /** What was read of it. */
  shown(record: RunledgerRecord, content: Content): void;
}

/** @param own Names of what the step's own record has. */
export function createLogChoice(isModelCall: boolean, own: ReadonlySet<PayloadName>): LogChoice {
  const told = new Set<PayloadName>();
  const isDetails = ({ name }: RunledgerRecord) => isModelCall && name === GEN_AI.detailsEvent;
  return {
    of(record) {
      if (!isModelCall || record.kind !== "llm") return record.payloads;
      // The newest details of a call stand; of its answer, each may tell a part.
      const isWanted = (name: PayloadName) =>
        !own.has(name) && (!told.has(name) || (name === "response" && isDetails(record)));
      const wanted = NAMES_IN_EVENTS.flatMap((name) => {
        const ref = record.payloads[name];
        return ref !== undefined && isWanted(name) ? [[name, ref] as const] : [];
      });
      return wanted.length === 0 ? null : Object.fromEntries(wanted);
    },
    decides: (record) =>
      isDetails(record) && NAMES_IN_EVENTS.some((name) => record.payloads[name] !== undefined && !told.has(name)),
    shown(record, content) {
      if (isDetails(record)) for (const name of NAMES_IN_EVENTS) if (content[name] !== undefined) told.add(name);
    },
  };
}
