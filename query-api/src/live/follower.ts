import type { Rows } from "@runledger/storage";
import { OVERLAP_MS } from "../runs/changed-runs.ts";
import type { SummarizedRun } from "../runs/run-summaries.ts";
import { runWithoutContent, withoutContent } from "../steps/previews.ts";
import { querySteps } from "../steps/step-query.ts";
import { stepFromRow } from "../steps/step-view.ts";
import type { EventStream } from "./event-stream.ts";

/** Well below what a reader may have unread, so that one page alone never cuts it off; between two it reads. */
const MAX_STEPS_AT_ONCE = 200;
/** Of a run with more steps within the overlap, a step is no longer looked for behind the newest so many. */
const MAX_REMEMBERED_STEPS = 1_000;
const OVERLAP_NS = BigInt(OVERLAP_MS) * 1_000_000n;

/** One client of the feed, and what it has been told. */
export interface Follower {
  /** null: every run, without steps. */
  readonly runId: string | null;
  readonly stream: EventStream;
  /** Tells that the run changed and, to who follows this run, its new steps. One at a time. `seenNs`: everything received before was told. */
  tell(found: SummarizedRun, seenNs: bigint): Promise<void>;
}

interface Place {
  ns: bigint;
  recordId: string;
}

/** @param sinceNs steps received after this are new to the client, epoch ns. */
export function createFollower(
  rows: Rows,
  tenant: string,
  {
    stream,
    runId,
    sinceNs,
    seesContent,
  }: { stream: EventStream; runId: string | null; sinceNs: bigint; seesContent: boolean },
): Follower {
  let after: Place = { ns: sinceNs - OVERLAP_NS, recordId: "" };
  /** What was sent and lies after `after`, so that it would be found again; in order. */
  let sent: Place[] = [];
  return {
    runId,
    stream,
    async tell(found, seenNs) {
      // The id is what is told for sure: who is cut off before the rest comes back for it.
      const told = runId === null ? seenNs : (sent.at(-1)?.ns ?? sinceNs);
      stream.send("run", told.toString(), seesContent ? found.run : runWithoutContent(found.run));
      if (runId === null) return;
      while ((await newSteps(found)) === MAX_STEPS_AT_ONCE);
    },
  };

  async function newSteps({ run, received }: SummarizedRun): Promise<number> {
    const page = await querySteps(rows, {
      tenant,
      runIds: [run.run_id],
      received,
      limit: MAX_STEPS_AT_ONCE,
      receivedAfter: { ns: after.ns.toString(), recordId: after.recordId },
      notRecordIds: sent.map(({ recordId }) => recordId),
    });
    for (const row of page) {
      const step = stepFromRow(row);
      const ns = BigInt(String(row["received_ns"]));
      stream.send("step", ns.toString(), seesContent ? step : withoutContent(step));
      sent.push({ ns, recordId: step.record_id });
    }
    sent.sort(inOrder);
    const overlapNs = (sent.at(-1)?.ns ?? 0n) - OVERLAP_NS;
    const kept = sent.slice(-MAX_REMEMBERED_STEPS).filter(({ ns }) => ns > overlapNs);
    after = sent.at(-kept.length - 1) ?? after;
    sent = kept;
    return page.length;
  }
}

function inOrder(a: Place, b: Place): number {
  if (a.ns !== b.ns) return a.ns < b.ns ? -1 : 1;
  return a.recordId < b.recordId ? -1 : 1;
}
