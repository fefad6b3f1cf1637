import { DEFAULT_TENANT } from "@runledger/contract";
import type { Objects, Rows } from "@runledger/storage";
import type { FastifyBaseLogger } from "fastify";
import type { Registry } from "prom-client";
import type { QueryApiSettings } from "../config.ts";
import type { Control } from "../control/control.ts";
import { createRunSummaries } from "../runs/run-summaries.ts";
import type { Lease } from "../state/lease.ts";
import { repeat } from "../state/repeat.ts";
import { type AlertStore, createAlertStore } from "./alert-store.ts";
import { type AlertEngine, createAlertCounters, createAlertEngine } from "./engine.ts";
import { createRuleBook, type RuleBook } from "./rules.ts";

/** How often it is asked which tenants there are; within this a new one's first records are still looked at (`OVERLAP_MS`). */
const TENANTS_EVERY_MS = 5_000;
/** A tenant that was silent for so long has no run that goes on, so no alert that is open. */
const RECENT_HOURS = 24;

export interface TenantAlertsDependencies {
  rows: Rows;
  objects: Objects;
  clock: () => number;
  random: () => number;
  logger: FastifyBaseLogger;
  registry: Registry;
  lease: Lease;
  control: Pick<Control, "kill">;
}

/** Alerts and rules, each tenant's for itself: rules, state, and the engine that goes with them. */
export interface TenantAlerts {
  of(tenant: string): { store: AlertStore; rules: RuleBook };
  /** Starts an engine for each tenant that has records, and for new ones as they come. */
  start(): void;
  stop(): Promise<void>;
}

export function createTenantAlerts(dependencies: TenantAlertsDependencies, settings: QueryApiSettings): TenantAlerts {
  const { rows, objects, clock, logger } = dependencies;
  const summaries = createRunSummaries(rows, clock, settings);
  const counters = createAlertCounters(dependencies.registry);
  const engines = new Map<string, AlertEngine>();
  let discovery: { stop(): Promise<void> } | null = null;

  return {
    of,
    start() {
      discovery = repeat(TENANTS_EVERY_MS, startNew, (error) =>
        logger.warn({ err: error }, "alerts: can't tell tenants"),
      );
    },
    async stop() {
      await discovery?.stop();
      await Promise.all([...engines.values()].map((engine) => engine.stop()));
    },
  };

  function of(tenant: string): { store: AlertStore; rules: RuleBook } {
    return { store: createAlertStore(objects, tenant), rules: createRuleBook(objects, tenant) };
  }

  async function startNew(): Promise<void> {
    const found = await rows.query<{ tenant: string }>(TENANTS, { since_ms: clock() - RECENT_HOURS * 3_600_000 });
    for (const tenant of new Set([DEFAULT_TENANT, ...found.map((row) => row.tenant)])) {
      if (engines.has(tenant)) continue;
      const engine = createAlertEngine(tenant, { ...dependencies, ...of(tenant), summaries, counters }, settings);
      engines.set(tenant, engine);
      engine.start();
    }
  }
}

const TENANTS = `
SELECT DISTINCT tenant FROM runs WHERE last_seen_time >= fromUnixTimestamp64Milli({since_ms:Int64})`;
