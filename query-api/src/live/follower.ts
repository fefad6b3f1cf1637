import type { Rows } from "@runledger/storage";
import { OVERLAP_MS } from "../runs/changed-runs.ts";
import type { SummarizedRun } from "../runs/run-summaries.ts";
import { querySteps } from "../steps/step-query.ts";
import { stepFromRow } from "../steps/step-view.ts";
import type { EventStream } from "./event-stream.ts";

const MAX_STEPS_AT_ONCE = 1_000;
const OVERLAP_NS = BigInt(OVERLAP_MS) * 1_000_000n;

/** One client of the feed, and what it has been told. */
export interface Follower {
  /** null: every run, without steps. */
  readonly runId: string | null;
  readonly stream: EventStream;
  /** Tells that the run changed and, to who follows this run, its new steps. */
  tell(found: SummarizedRun): Promise<void>;
}

/** @param sinceNs steps received after this are new to the client, epoch ns. */
export function createFollower(
  rows: Rows,
  tenant: string,
  { stream, runId, sinceNs }: { stream: EventStream; runId: string | null; sinceNs: bigint },
): Follower {
  let newSinceNs = sinceNs;
  /** By record id, when it was received. What is older than `newSinceNs` is not found again and need not be remembered. */
  const sent = new Map<string, bigint>();
  return {
    runId,
    stream,
    async tell(found) {
      stream.send("run", found.received.lastNs, found.run);
      if (runId === null) return;
      let page = await newSteps(found);
      while (page.length === MAX_STEPS_AT_ONCE) page = await newSteps(found);
    },
  };

  async function newSteps({ run, received }: SummarizedRun): Promise<object[]> {
    const page = await querySteps(rows, {
      tenant,
      runIds: [run.run_id],
      received,
      limit: MAX_STEPS_AT_ONCE,
      receivedAfterNs: newSinceNs.toString(),
      notRecordIds: [...sent.keys()],
    });
    for (const row of page) {
      const step = stepFromRow(row);
      const receivedNs = BigInt(String(row["received_ns"]));
      sent.set(step.record_id, receivedNs);
      stream.send("step", receivedNs.toString(), step);
      if (receivedNs - OVERLAP_NS > newSinceNs) newSinceNs = receivedNs - OVERLAP_NS;
    }
    for (const [recordId, receivedNs] of sent) if (receivedNs <= newSinceNs) sent.delete(recordId);
    return page;
  }
}
