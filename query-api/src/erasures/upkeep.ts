import { DEFAULT_TENANT } from "@runledger/contract";
import { DERIVED_TABLES, type Objects, type Rows } from "@runledger/storage";
import type { Feature } from "../dependencies.ts";
import { releaseDestruction } from "../holds/destruction-claim.ts";
import { createHoldStore, type HoldStore } from "../holds/hold-store.ts";
import type { Lease } from "../state/lease.ts";
import { repeat } from "../state/repeat.ts";
import { createContentAges } from "./content-ages.ts";
import { type Eraser, eraseTracesOf } from "./erase.ts";
import type { ErasureStore } from "./erasure-store.ts";
import { expireContent, isClaimOfExpiry } from "./expire.ts";
import { createExpiryStore } from "./expiry-store.ts";
import type { KeptErasure } from "./kept-erasure.ts";

/** So long after an erasure rows of before it may still come into ClickHouse: out of a journal whose way was blocked. */
const LATE_ROWS_MS = 24 * 60 * 60 * 1_000;
const LEASE_MS = 2_000;
/** Each may wait half a minute for ClickHouse or the log; a row of them must not wait for one another. */
const ADVANCED_AT_ONCE = 8;

/** What must go on by itself: erasures that were interrupted, rows that came late, content whose time is over. One of several APIs does it. */
export function startUpkeep({ app, dependencies, settings }: Feature, eraser: Eraser | null, lease: Lease): void {
  const { keyring, rows, objects, acts, clock, logger } = dependencies;
  if (keyring === null || eraser === null) return;
  const { store } = eraser;
  const holds = createHoldStore(objects);
  const expiries = createExpiryStore(objects);
  const ages = createContentAges(objects);
  let nextMs = 0;
  let held: boolean | null = null;
  /** What had to wait is tried again at each upkeep only. */
  const tried = new Set<string>();
  const isNew = ({ erasure_id }: KeptErasure) => !tried.has(erasure_id);

  const advance = async (erasure: KeptErasure): Promise<void> => {
    await eraser
      .advance(erasure)
      .catch((error) => logger.warn({ err: error, erasure_id: erasure.erasure_id }, "an erasure waits"));
    tried.add(erasure.erasure_id);
  };

  const work = async (): Promise<void> => {
    if (!(await lease.hold())) return;
    const isTime = performance.now() >= nextMs;
    // What another API was asked for waits for us.
    if (!isTime && !(await store.underWay()).some(isNew)) return;
    if (isTime) nextMs = performance.now() + settings.upkeepMs;
    await keyring.finishDestruction();
    const underWay = await store.underWay();
    for (let at = 0; at < underWay.length; at += ADVANCED_AT_ONCE)
      await Promise.all(underWay.slice(at, at + ADVANCED_AT_ONCE).map(advance));
    if (!isTime) return;
    await store.tidy();
    await releaseFinished(holds, store);
    await eraseLate({ rows, objects }, store, clock());
    held = await keepRowsWhileHeld(rows, holds, held);
    const expired = await expireContent(
      { keyring, acts, clock, ages, expiries, holds },
      { retentionDays: settings.contentRetentionDays, tenant: DEFAULT_TENANT },
    );
    if (expired.length > 0) logger.info({ months: expired }, "content has expired: its keys are destroyed");
  };
  let running: { stop(): Promise<void> } | undefined;
  app.addHook("onListen", async () => {
    const every = Math.min(LEASE_MS, settings.upkeepMs);
    running = repeat(every, work, (error) => logger.warn({ err: error }, "erasures and expiry wait"));
  });
  app.addHook("onClose", async () => await running?.stop());
}

/** Claims of erasures that are over, which a crash kept from being released. Claims are read first: an erasure is under way before it claims. */
async function releaseFinished(holds: HoldStore, store: ErasureStore): Promise<void> {
  const { destroying = [] } = await holds.read();
  const claimed = new Set(destroying.map(({ id }) => id).filter((id) => !isClaimOfExpiry(id)));
  if (claimed.size === 0) return;
  for (const { erasure_id } of await store.underWay()) claimed.delete(erasure_id);
  await releaseDestruction(holds, ({ id }) => claimed.has(id));
}

/** The person's id is forgotten when no more rows can come. */
async function eraseLate(stores: { rows: Rows; objects: Objects }, store: ErasureStore, nowMs: number): Promise<void> {
  for (const erasure of await store.settling()) {
    await eraseTracesOf(stores, erasure);
    if (Date.parse(erasure.done_time ?? "") + LATE_ROWS_MS <= nowMs) await store.settle(erasure);
  }
}

/** ClickHouse drops no rows by age while a hold is in force. It forgets this when it is restarted; so do we. */
async function keepRowsWhileHeld(rows: Rows, store: HoldStore, before: boolean | null): Promise<boolean> {
  const held = (await store.read()).holds.length > 0;
  if (held || before === true)
    for (const table of DERIVED_TABLES) await rows.command(`SYSTEM ${held ? "STOP" : "START"} TTL MERGES ${table}`);
  return held;
}
