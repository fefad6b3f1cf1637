import { type Objects, parameterLists, type Rows } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import { Counter, type Registry } from "prom-client";
import type { QueryApiSettings } from "../config.ts";
import type { Control } from "../control/control.ts";
import { type ChangedRuns, createChangedRuns } from "../runs/changed-runs.ts";
import type { RunSummaries } from "../runs/run-summaries.ts";
import type { Lease } from "../state/lease.ts";
import { type Repeated, repeat } from "../state/repeat.ts";
import { type AlertStore, isOpen } from "./alert-store.ts";
import { findCandidates } from "./candidates.ts";
import { deliverDue } from "./deliveries.ts";
import { type Channels, hasEnded, settled } from "./raise.ts";
import { raiseFindings } from "./raise-findings.ts";
import type { RuleBook } from "./rules.ts";

/** Changed runs asked for at once, and looked at in full at once. */
const MAX_CHANGED_AT_ONCE = 5_000;
const MAX_RUNS_AT_ONCE = 500;
const MAX_ROUNDS_A_TICK = 10;
/** After a long stop, what is older than this is not alerted any more: nobody can act on it. */
const MAX_CATCH_UP_MS = 3_600_000;
/** How often the watermark is saved when nothing else is; so much is looked at again after a restart. */
const SAVE_WATERMARK_NS = 10_000_000_000n;
const NS_PER_MS = 1_000_000n;

export interface AlertEngineDependencies {
  rows: Rows;
  objects: Objects;
  summaries: RunSummaries;
  store: AlertStore;
  rules: RuleBook;
  /** Of the one process that looks and delivers. */
  lease: Lease;
  control: Pick<Control, "kill">;
  clock: () => number;
  random: () => number;
  logger: FastifyBaseLogger;
  counters: AlertCounters;
}

export interface AlertEngine {
  start(): void;
  stop(): Promise<void>;
}

/** Of one tenant. Looks twice a second at the runs that got new records, raises what the rules find, and delivers it. Its state survives restarts. */
export function createAlertEngine(
  tenant: string,
  dependencies: AlertEngineDependencies,
  settings: QueryApiSettings,
): AlertEngine {
  const { rows, summaries, store, rules, clock, logger, lease } = dependencies;
  const channels: Channels = settings.alertWebhookUrl === null ? [] : ["webhook"];
  const { raised, attempts } = dependencies.counters;
  const delivery = { ...dependencies, onAttempt: (status: string) => attempts.inc({ status }) };
  let changes: ChangedRuns | null = null;
  /** Told by `changes`, and not evaluated since because a store was away. */
  let pending: string[] = [];
  let looking: Repeated | null = null;
  let delivering: Repeated | null = null;

  return {
    start() {
      // Apart, so that a slow receiver does not keep rules from being looked at.
      delivering = repeat(settings.alertIntervalMs, deliver, (error) =>
        logger.warn({ err: error }, "alerts: delivery failed"),
      );
      looking = repeat(settings.alertIntervalMs, tick, (error) =>
        logger.warn({ err: error }, "alerts: evaluation failed"),
      );
    },
    async stop() {
      await Promise.all([looking?.stop(), delivering?.stop()]);
    },
  };

  async function deliver(): Promise<void> {
    if (await lease.hold()) await deliverDue(delivery, settings);
  }

  async function tick(): Promise<void> {
    if (!(await lease.hold())) {
      // Another process looks. Should it go, we go on from what it has saved.
      changes = null;
      pending = [];
      return;
    }
    changes ??= createChangedRuns(rows, {
      tenant,
      startNs: await startNs(),
      maxRuns: MAX_CHANGED_AT_ONCE,
    });
    for (let round = 0; round < MAX_ROUNDS_A_TICK; round++) {
      const runIds = pending.length > 0 ? pending : await changes.poll();
      if (runIds.length === 0) break;
      pending = runIds;
      await evaluate(runIds);
      pending = [];
    }
    await settle(changes.watermarkNs());
  }

  async function evaluate(runIds: readonly string[]): Promise<void> {
    const inForce = await rules.inForce();
    for (const changed of parameterLists(runIds)) {
      const candidates = await findCandidates(rows, { tenant, runIds: changed, rules: inForce, nowMs: clock() });
      for (const together of parameterLists(candidates, MAX_RUNS_AT_ONCE)) {
        const question = { rows, tenant, runs: await summaries.byId(tenant, together), rules: inForce };
        const added = await raiseFindings(question, dependencies, channels);
        raised.inc(added);
        if (added > 0) delivering?.wake();
      }
    }
  }

  /** Resolves what is over; the watermark goes along with it, or every now and then. */
  async function settle(watermarkNs: bigint): Promise<void> {
    const before = await store.read();
    const open = [...new Set(before.alerts.filter(isOpen).map((one) => one.run_id))];
    const runs = await summaries.byId(tenant, open);
    const ended = (runId: string) => {
      const found = runs.get(runId);
      return found !== undefined && hasEnded(found.run);
    };
    await store.update((state) => {
      const next = settled(state, { ended, channels, nowMs: clock() });
      const unsavedNs = watermarkNs - BigInt(state.watermark_ns ?? 0);
      return next === state && unsavedNs < SAVE_WATERMARK_NS
        ? state
        : { ...next, watermark_ns: watermarkNs.toString() };
    });
  }

  async function startNs(): Promise<bigint> {
    const saved = (await store.read()).watermark_ns;
    const nowNs = BigInt(clock()) * NS_PER_MS;
    const earliestNs = nowNs - BigInt(MAX_CATCH_UP_MS) * NS_PER_MS;
    if (saved === null) return nowNs;
    return BigInt(saved) > earliestNs ? BigInt(saved) : earliestNs;
  }
}

export type AlertCounters = ReturnType<typeof createAlertCounters>;

/** Counted once for all tenants. */
export function createAlertCounters(registry: Registry) {
  const raised = new Counter({ name: "runledger_alerts_raised_total", help: "Alerts raised", registers: [registry] });
  const attempts = new Counter({
    name: "runledger_alert_delivery_attempts_total",
    help: "Attempts to deliver an alert, by how they ended",
    labelNames: ["status"],
    registers: [registry],
  });
  return { raised, attempts };
}
