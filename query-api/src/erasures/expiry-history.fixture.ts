import { createDestroyedKeys, runSubject } from "@runledger/contract";
import {
  type Keyring,
  monthEndMs,
  monthPrefix,
  type Objects,
  openOrCreateKeyring,
  StorageError,
} from "@runledger/storage";
import type { Act } from "../acts/act-recorder.ts";
import { addHold } from "../holds/destruction-claim.ts";
import { createHoldStore } from "../holds/hold-store.ts";
import { createMemoryObjects } from "../testing/memory-objects.ts";
import { createContentAges } from "./content-ages.ts";
import { expireContent } from "./expire.ts";
import { createExpiryStore } from "./expiry-store.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 10, 3, 5);
/** A wrong clock is set right within this. A jump of less than a day is not noticed: what is destroyed may be so much too young. */
const MAX_WRONG_MS = 20 * HOUR_MS;
const SLACK_MS = DAY_MS + HOUR_MS;
/** Each jump further ahead than any before is believed for 31 days, by which content that comes then is kept longer. */
const MAX_LATE_DAYS = 130;
const JUMPS_DAYS = [-7_300, -400, -40, -3, -0.5, 0.5, 3, 40, 400, 7_300];
const MASTER_KEY = { base64: Buffer.alloc(32, 7).toString("base64") };
const CALLS = ["read", "readVersioned", "create", "replace", "compareAndSet", "delete"] as const;

/** What a history went through. */
export interface HistoryCounts {
  looks: number;
  keys: number;
  expired: number;
  jumps: number;
  crashes: number;
  holds: number;
  tooLate: number;
}

interface Clock {
  aheadMs: number;
  rightAgainMs: number;
}

/**
 * Months of two query APIs and a collector over one store, whose clocks jump both ways; crashes at any write, looks of both at once, holds set at any call,
 * also of a look that is under way. Then clocks are right, nothing is held, and what is over must go.
 * @throws Error naming the seed: what was destroyed too early, under a hold, or without an act of the log after it was written; or what stayed.
 */
async function runExpiryHistory(seed: number, retentionDays: number): Promise<HistoryCounts> {
  const objects = createMemoryObjects();
  const keyring = await openOrCreateKeyring(objects, MASTER_KEY);
  const history = new ExpiryHistory(objects, keyring, seed, retentionDays);
  await history.run();
  await history.end();
  return history.counts;
}

const RETENTIONS_DAYS = [1, 10, 60];

/** Of the seeds from 1 on; what they went through together. @throws Error as `runExpiryHistory`, of the first that fails. */
export async function runExpiryHistories(seeds: number): Promise<HistoryCounts> {
  const sum: HistoryCounts = { looks: 0, keys: 0, expired: 0, jumps: 0, crashes: 0, holds: 0, tooLate: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const counts = await runExpiryHistory(seed, RETENTIONS_DAYS[seed % RETENTIONS_DAYS.length] ?? 1);
    for (const name of Object.keys(sum) as (keyof HistoryCounts)[]) sum[name] += counts[name];
  }
  return sum;
}

class ExpiryHistory {
  readonly counts: HistoryCounts = { looks: 0, keys: 0, expired: 0, jumps: 0, crashes: 0, holds: 0, tooLate: 0 };
  private readonly objects: Objects;
  private readonly keyring: Keyring;
  private readonly seed: number;
  private readonly retentionDays: number;
  private readonly random: () => number;
  private readonly collector: Clock = { aheadMs: 0, rightAgainMs: 0 };
  private readonly apis: [Clock, Clock];
  private readonly written = new Map<string, { bornMs: number; month: string }>();
  private readonly recordedMs: number[] = [];
  private readonly destroyed = createDestroyedKeys();
  /** The true time. */
  private nowMs = START_MS;
  /** `gone`: what was destroyed before it was in force. */
  private hold: { tooLateFor: ReadonlySet<string>; gone: ReadonlySet<string> } | null = null;

  constructor(objects: Objects, keyring: Keyring, seed: number, retentionDays: number) {
    this.objects = objects;
    this.keyring = keyring;
    this.seed = seed;
    this.retentionDays = retentionDays;
    this.random = seededRandom(seed);
    const skew = { aheadMs: (this.random() - 0.5) * HOUR_MS, rightAgainMs: Number.POSITIVE_INFINITY };
    this.apis = [{ aheadMs: 0, rightAgainMs: 0 }, skew];
  }

  async run(): Promise<void> {
    await this.look(this.apis[0], false); // a new installation's first, before there is anything
    const endMs = START_MS + (100 + this.retentionDays) * DAY_MS;
    while (this.nowMs < endMs) {
      this.nowMs += this.random() * (this.chance(0.02) ? 20 * DAY_MS : 20 * HOUR_MS);
      for (const clock of [this.collector, this.apis[0]]) this.moveClock(clock);
      if (this.chance(0.5)) await this.write();
      if (this.hold !== null && this.chance(0.1)) await this.liftHold();
      if (this.hold === null && this.chance(0.01)) await this.setHold();
      const [a, b] = this.apis;
      await Promise.all((this.chance(0.1) ? [a, b] : [this.chance(0.7) ? a : b]).map((api) => this.look(api, true)));
      await this.check();
    }
  }

  async end(): Promise<void> {
    const [api] = this.apis;
    Object.assign(api, { aheadMs: 0 });
    await this.liftHold();
    const forMs = (this.retentionDays + MAX_LATE_DAYS) * DAY_MS;
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += 13 * HOUR_MS) {
      await this.look(api, false);
      await this.check();
    }
    for (const { month } of this.written.values())
      if (monthEndMs(month) + forMs < this.nowMs) this.fail(`a key of ${month} did not expire`);
  }

  private moveClock(clock: Clock): void {
    if (this.nowMs >= clock.rightAgainMs) clock.aheadMs = 0;
    if (!this.chance(0.03)) return;
    this.counts.jumps++;
    clock.aheadMs = (JUMPS_DAYS[Math.floor(this.random() * JUMPS_DAYS.length)] ?? 0) * DAY_MS;
    clock.rightAgainMs = this.nowMs + this.random() * MAX_WRONG_MS;
  }

  /** Not into a month whose destruction a crash has interrupted: what a wrong clock seals there just then goes with it (docs/privacy.md). */
  private async write(): Promise<void> {
    const month = monthPrefix(new Date(this.nowMs + this.collector.aheadMs).toISOString());
    const { destroying = [] } = await createHoldStore(this.objects).read();
    if (destroying.some(({ id }) => id === `expiry ${month}`)) return;
    const subject = runSubject("t", `r${this.counts.keys++}`);
    for (const { keyId } of await this.keyring.writer().keysFor([{ subject, month }]))
      this.written.set(keyId, { bornMs: this.nowMs, month });
  }

  private async setHold(): Promise<void> {
    const scope = { all: true as const };
    const kept = { hold_id: "h", scope, reason: "r", by: "b", set_time: "", tenant: "t" };
    const tooLateFor = new Set(await addHold(createHoldStore(this.objects), kept));
    this.counts.holds++;
    if (tooLateFor.size > 0) this.counts.tooLate++;
    const living = await this.livingKeys();
    this.hold = { tooLateFor, gone: new Set([...this.written.keys()].filter((keyId) => !living.has(keyId))) };
  }

  private async liftHold(): Promise<void> {
    this.hold = null;
    await createHoldStore(this.objects).update((state) => ({ ...state, holds: [] }));
  }

  private async look({ aheadMs }: Clock, isTroubled: boolean): Promise<void> {
    this.counts.looks++;
    const objects = isTroubled ? this.troubled() : this.objects;
    const keyring = await openOrCreateKeyring(objects, MASTER_KEY);
    const documents = { ages: createContentAges(objects), expiries: createExpiryStore(objects) };
    const acts = { record: (act: Act) => this.record(act) };
    const clock = () => Math.floor(this.nowMs + aheadMs);
    const { retentionDays } = this;
    try {
      await keyring.finishDestruction();
      const dependencies = { keyring, acts, clock, ...documents, holds: createHoldStore(objects) };
      await expireContent(dependencies, { retentionDays, tenant: "t" });
    } catch (error) {
      if (!(error instanceof StorageError && error.code === "unavailable")) throw error;
      this.counts.crashes++;
    }
  }

  private async record({ action, target }: Act): Promise<void> {
    const prefixes = target["key_id_prefixes"] as string[];
    for (const month of prefixes) if (this.isHeld(month)) this.fail(`the expiry of ${month} was recorded under a hold`);
    const act = { action, actor: { key_id: null, name: "runledger", roles: [] }, reason: null, target };
    this.destroyed.note({ event: "act", act, start_time: "" }, this.recordedMs.length);
    this.recordedMs.push(this.nowMs);
  }

  private isHeld(month: string): boolean {
    return this.hold !== null && !this.hold.tooLateFor.has(`expiry ${month}`);
  }

  private async livingKeys(): Promise<Set<string>> {
    const living = new Set<string>();
    for await (const { path } of this.objects.list("keys/rings/")) {
      const ring = await this.objects.read(path);
      if (ring === null) continue; // another look took it away since it was listed
      for (const { id } of JSON.parse(String(Buffer.from(ring))).keys) living.add(id);
    }
    return living;
  }

  private async check(): Promise<void> {
    const living = await this.livingKeys();
    for (const [keyId, { month, bornMs }] of this.written) {
      if (living.has(keyId)) continue;
      this.written.delete(keyId);
      this.counts.expired++;
      const what = `a key of ${month}, of ${new Date(bornMs).toISOString()},`;
      if (this.nowMs < bornMs + this.retentionDays * DAY_MS - SLACK_MS) this.fail(`${what} was destroyed`);
      if (this.isHeld(month) && !this.hold?.gone.has(keyId)) this.fail(`${what} was destroyed under a hold`);
      const isTold = this.destroyed.of(keyId) !== null && this.recordedMs.some((atMs) => atMs >= bornMs);
      if (!isTold) this.fail(`${what} is gone without an act`);
    }
  }

  /** The calls of a process that dies at one of its writes, before or after it, while somebody sets a hold. */
  private troubled(): Objects {
    const crashAt = this.chance(0.5) ? Math.floor(this.random() * 9) : Number.POSITIVE_INFINITY;
    const isAfter = this.chance(0.5);
    const holdAt = this.chance(0.05) ? Math.floor(this.random() * 25) : Number.POSITIVE_INFINITY;
    let [calls, writes] = [0, 0];
    const wrapped = { ...this.objects };
    for (const name of CALLS) {
      const act = wrapped[name] as (...all: unknown[]) => Promise<unknown>;
      const call = async (...all: unknown[]) => {
        if (calls++ === holdAt && this.hold === null) await this.setHold();
        const at = name.startsWith("read") ? -1 : writes++;
        if (at === crashAt && isAfter) await act(...all);
        if (at >= crashAt) throw new StorageError("unavailable", "crash");
        return await act(...all);
      };
      Object.assign(wrapped, { [name]: call });
    }
    return wrapped;
  }

  private chance(share: number): boolean {
    return this.random() < share;
  }

  private fail(what: string): never {
    throw new Error(`seed ${this.seed}, ${this.retentionDays} days, ${new Date(this.nowMs).toISOString()}: ${what}`);
  }
}

/** In [0, 1), the same for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
