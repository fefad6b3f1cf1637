import { SILENCE_ABANDONS_MS, type StepRow } from "@runledger/contract";
import { parameterLists, type Rows } from "@runledger/storage";
import { createGenerationMap } from "../integrate/generation-map.ts";
import { standingOf, sumUpCorrections, writeCorrections } from "./correction-writer.ts";
import { findingsOf, type InsertedRows, type PieceSettings } from "./findings.ts";
import { createRunRows, type RunKey, type RunRows, type RunState } from "./run-rows.ts";
import { OWN_DIALECT } from "./step-fact.ts";

/** Runs looked at together, when they have no more than `maxRecordsAtOnce` records. */
const MAX_RUNS_AT_ONCE = 1_000;
/** Runs that somebody else's telemetry had a part in lately: then our own SDK's records there may be twins too. */
const MAX_FOREIGN_RUNS = 50_000;
/** A run that changes more often than this while it is looked at is left to whoever changes it. */
const MAX_ROUNDS = 5;
const RUNS_A_PAGE = 5_000;
const PIECES: PieceSettings = { maxRecordsAtOnce: 20_000, pieceFacts: 5_000, marginFacts: 1_000 };

/**
 * Finds out what records tell only together (twins, tool calls without a span) and keeps `corrections` true to it. All of it is derived
 * from the rows that ClickHouse holds, so doing it twice, or in several collectors at once, comes to the same: a run is changed
 * first and looked at then, and who wrote corrections looks again until the run has not changed meanwhile.
 */
export interface Resolver {
  /** After these rows were inserted. Rows of our own SDK alone cost nothing. */
  rowsInserted(inserted: readonly StepRow[]): Promise<void>;
  /** Every run there is. */
  everything(): Promise<void>;
  /** Runs that fell silent from `sinceMs` on and are abandoned by now. @returns where to go on the next time. */
  abandoned(sinceMs: number): Promise<number>;
}

export interface ResolverSettings extends PieceSettings {
  /** The collector's clock, ms. Without one no run is taken for abandoned. */
  nowMs: () => number;
}

export function createResolver(rows: Rows, settings: Partial<ResolverSettings> = {}): Resolver {
  const { nowMs, ...pieces } = { ...PIECES, nowMs: () => 0, ...settings };
  const abandonedMs = () => Math.max(0, nowMs() - SILENCE_ABANDONS_MS);
  const runRows = createRunRows(rows, () => new Date(abandonedMs()).toISOString());
  const foreign = createGenerationMap<true>(MAX_FOREIGN_RUNS);

  const resolve = async (tenant: string, runIds: readonly string[], inserted: InsertedRows) => {
    for (const together of parameterLists(runIds, MAX_RUNS_AT_ONCE)) {
      let open = together;
      for (let round = 0; round < MAX_ROUNDS && open.length > 0; round++) {
        const states = await runRows.states(tenant, open);
        const written = await resolveOnce(rows, runRows, tenant, [...states.values()], inserted, pieces, (lookedAt) => {
          for (const run_id of lookedAt) foreign.set(keyOf({ tenant, run_id }), true);
        });
        const now = written.size === 0 ? states : await runRows.states(tenant, [...written.keys()]);
        // Of what several runs tell, another collector may have brought more in a run that we don't know of.
        const isShared = [...written.values()].includes("shared") && (await runRows.severalCollectors());
        open = [...written.keys()].filter(
          (runId) =>
            now.get(runId)?.records !== states.get(runId)?.records || (isShared && written.get(runId) === "shared"),
        );
      }
    }
  };

  /** Of our SDK's own rows, those of calls that another instrumentation tells of, in another run. */
  const toldElsewhere = async (own: readonly StepRow[]) => {
    const found: StepRow[] = [];
    for (const [tenant, ofTenant] of Map.groupBy(own, (row) => row.tenant)) {
      const calls = ofTenant.filter(({ kind }) => kind === "llm");
      const [answers, alike] = await Promise.all([runRows.answers(tenant, calls), runRows.callsAlike(tenant, calls)]);
      found.push(...calls.filter((row) => answers.has(row.response_id) || alike.has(row.record_id)));
    }
    return found;
  };

  const resolvePages = async (pageAfter: (last: RunKey) => Promise<RunKey[]>) => {
    let last: RunKey | undefined = { tenant: "", run_id: "" };
    while (last !== undefined) {
      const page: RunKey[] = await pageAfter(last);
      for (const [tenant, ofTenant] of Map.groupBy(page, (row) => row.tenant)) {
        const runIds = ofTenant.map(({ run_id }) => run_id);
        await resolve(tenant, runIds, null);
      }
      last = page.length < RUNS_A_PAGE ? undefined : page.at(-1);
    }
  };

  return {
    async rowsInserted(inserted) {
      for (const row of inserted) if (row.dialect !== OWN_DIALECT) foreign.set(keyOf(row), true);
      for (const row of await toldElsewhere(inserted.filter((one) => !foreign.get(keyOf(one)))))
        foreign.set(keyOf(row), true);
      const touched = inserted.filter((row) => foreign.get(keyOf(row)));
      for (const [tenant, ofTenant] of Map.groupBy(touched, (row) => row.tenant)) {
        const byRun = Map.groupBy(ofTenant, ({ run_id }) => run_id);
        await resolve(tenant, [...byRun.keys()], byRun);
      }
    },
    everything: () => resolvePages((after) => runRows.foreignRuns(after, RUNS_A_PAGE)),
    async abandoned(sinceMs) {
      const untilMs = abandonedMs();
      const [since, until] = [new Date(sinceMs).toISOString(), new Date(untilMs).toISOString()];
      await resolvePages((after) => runRows.silentRuns(since, until, after, RUNS_A_PAGE));
      return untilMs;
    },
  };
}

function keyOf({ tenant, run_id }: RunKey): string {
  return `${tenant}\n${run_id}`;
}

/** @returns the runs whose corrections changed; `shared`: by what other runs tell. */
async function resolveOnce(
  rows: Rows,
  runRows: RunRows,
  tenant: string,
  states: readonly RunState[],
  inserted: InsertedRows,
  pieces: PieceSettings,
  onLookedAt: (runIds: ReadonlySet<string>) => void,
): Promise<Map<string, "shared" | "own">> {
  const written = new Map<string, "shared" | "own">();
  for (const runs of packed(
    states.filter(({ calls }) => calls > 0),
    pieces.maxRecordsAtOnce,
  )) {
    const asked = new Set(runs.map(({ run_id }) => run_id));
    const lookedAt = new Set(asked);
    for await (const finding of findingsOf(runRows, tenant, runs, inserted, pieces)) {
      const standing = await standingOf(runRows, tenant, finding);
      const isShared =
        finding.corrections.some((row) => row.same_call_in !== "") ||
        [...finding.covers.keys()].some((runId) => !asked.has(runId));
      for (const runId of await writeCorrections(rows, finding, standing))
        written.set(runId, isShared ? "shared" : (written.get(runId) ?? "own"));
      for (const runId of finding.covers.keys()) lookedAt.add(runId);
    }
    await sumUpCorrections(rows, tenant, await runRows.notSummedUp(tenant, [...lookedAt]));
    onLookedAt(lookedAt);
  }
  return written;
}

/** Runs together as long as their records are not too many; a large one is alone. */
function* packed(runs: readonly RunState[], maxRecords: number): Generator<RunState[]> {
  let pack: RunState[] = [];
  let records = 0;
  for (const run of runs) {
    if (pack.length > 0 && records + run.records > maxRecords) {
      yield pack;
      [pack, records] = [[], 0];
    }
    pack.push(run);
    records += run.records;
  }
  if (pack.length > 0) yield pack;
}
