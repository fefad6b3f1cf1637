import { DEFAULT_TENANT, rfc3339FromUnixNano } from "@runledger/contract";
import { createRotationNotes, type RotationNote } from "@runledger/storage";
import type { Feature } from "../dependencies.ts";
import { logsOnRecord } from "../exports/logs-on-record.ts";
import { createOfflineExports, type OfflineExportNote } from "../exports/offline-exports.ts";
import type { Lease } from "../state/lease.ts";
import { repeat } from "../state/repeat.ts";
import type { Act } from "./act-recorder.ts";

const EVERY_MS = 10_000;

/**
 * What commands do without us, and note in the store: rotations of the master key, exports straight from the objects. Their acts are recorded as soon as
 * something runs, by one of several APIs. A crash right after may record one twice, under the same rotation_id or export_id.
 */
export function recordNoted({ app, dependencies }: Feature, { lease }: { lease: Lease }): void {
  const { objects, acts, logger } = dependencies;
  const rotations = createRotationNotes(objects);
  const exports = createOfflineExports(objects);
  const onError = (error: unknown) => logger.warn({ err: error }, "what a command did waits to be recorded");
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
  let running: { stop(): Promise<void> }[] = [];
  app.addHook("onListen", async () => {
    running = [recordRotations, recordExports].map((work) => repeat(EVERY_MS, work, onError));
  });
  app.addHook("onClose", async () => void (await Promise.all(running.map((one) => one.stop()))));
}

function rotationAct({ rotation_id, master_id, time_ms, by, reason }: RotationNote): Act {
  const target = { rotation_id, master_id, time: timeOf(time_ms) };
  return { action: "master_key.rotate", principal: ofMachine(by, DEFAULT_TENANT), reason, target };
}

function exportAct({ by, tenant, reason, time_ms, shards, ...made }: OfflineExportNote): Act {
  const target = { ...made, ...logsOnRecord(shards), offline: true, time: timeOf(time_ms) };
  return { action: "export.create", principal: ofMachine(by, tenant), reason, target };
}

/** Who can run the command has the machine, and no key or role of ours. */
function ofMachine(name: string, tenant: string): Act["principal"] {
  return { keyId: null, name, roles: new Set<never>(), tenant, everyTenant: false };
}

function timeOf(epochMs: number): string {
  return rfc3339FromUnixNano(BigInt(epochMs) * 1_000_000n);
}
