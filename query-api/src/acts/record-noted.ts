import { DEFAULT_TENANT, rfc3339FromUnixNano } from "@runledger/contract";
import { createRotationNotes, type RotationNote } from "@runledger/storage";
import type { Feature } from "../dependencies.ts";
import { logsOnRecord } from "../exports/logs-on-record.ts";
import { createOfflineExports, type OfflineExportNote } from "../exports/offline-exports.ts";
import type { Lease } from "../state/lease.ts";
import { repeat } from "../state/repeat.ts";
import type { Act } from "./act-recorder.ts";
import { type ChangedSettings, createNotedSettings } from "./noted-settings.ts";

const EVERY_MS = 10_000;

/**
 * What happens without us, and is noted in the store: rotations of the master key, exports straight from the objects, by one of several APIs; and settings that
 * a start changed, each API its shard's. Their acts are recorded as soon as something runs. A crash right after may record one twice, under the same id.
 */
export function recordNoted({ app, dependencies, settings }: Feature, { lease }: { lease: Lease }): void {
  const { objects, acts, logger } = dependencies;
  const rotations = createRotationNotes(objects);
  const exports = createOfflineExports(objects);
  const noted = createNotedSettings(objects, settings.shard);
  const onError = (error: unknown) => logger.warn({ err: error }, "what was done waits to be recorded");
  /** One that can't be recorded holds up no other. */
  const eachOf = async <Note>(notes: readonly Note[], record: (note: Note) => Promise<void>) => {
    for (const note of notes) {
      if (!(await lease.hold())) return;
      await record(note).catch(onError);
    }
  };
  const recordRotations = async () => {
    if (!(await lease.hold())) return;
    await eachOf(
      (await rotations.read()).filter(({ recorded }) => !recorded),
      async (due) => {
        await acts.record(rotationAct(due));
        await rotations.update((before) =>
          before.map((one) => (one.rotation_id === due.rotation_id ? { ...one, recorded: true } : one)),
        );
      },
    );
  };
  const recordExports = async () => {
    if (!(await lease.hold())) return;
    await eachOf(await exports.read(), async (due) => {
      await acts.record(exportAct(due));
      await exports.update((before) => before.filter(({ export_id }) => export_id !== due.export_id));
    });
  };
  const recordSettings = async () => {
    for (const one of (await noted.read()).due) {
      await acts.record(settingsAct(one, settings.shard));
      const others = ({ change_id }: ChangedSettings) => change_id !== one.change_id;
      await noted.update((state) => ({ ...state, due: state.due.filter(others) }));
    }
  };
  let running: { stop(): Promise<void> }[] = [];
  app.addHook("onListen", async () => {
    running = [recordRotations, recordExports, recordSettings].map((work) => repeat(EVERY_MS, work, onError));
  });
  app.addHook("onClose", async () => void (await Promise.all(running.map((one) => one.stop()))));
}

function rotationAct({ rotation_id, master_id, time_ms, by, reason }: RotationNote): Act {
  const target = { rotation_id, master_id, time: timeOf(time_ms) };
  return { action: "master_key.rotate", principal: ofMachine(by, DEFAULT_TENANT), reason, target };
}

function settingsAct({ change_id, time_ms, by, reason, changes }: ChangedSettings, shard: string): Act {
  const target = { change_id, shard, time: timeOf(time_ms), changes };
  return { action: "settings.change", principal: ofMachine(by, DEFAULT_TENANT), reason, target };
}

function exportAct({ by, tenant, reason, time_ms, shards, ...made }: OfflineExportNote): Act {
  const target = { ...made, ...logsOnRecord(shards), offline: true, time: timeOf(time_ms) };
  return { action: "export.create", principal: ofMachine(by, tenant), reason, target };
}

/** Who runs a command, or starts us, has the machine, and no key or role of ours. */
function ofMachine(name: string, tenant: string): Act["principal"] {
  return { keyId: null, name, roles: new Set<never>(), tenant, everyTenant: false };
}

function timeOf(epochMs: number): string {
  return rfc3339FromUnixNano(BigInt(epochMs) * 1_000_000n);
}
