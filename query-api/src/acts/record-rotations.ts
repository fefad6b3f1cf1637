import { DEFAULT_TENANT, rfc3339FromUnixNano } from "@runledger/contract";
import { createRotationNotes, type RotationNote } from "@runledger/storage";
import type { Feature } from "../dependencies.ts";
import type { Lease } from "../state/lease.ts";
import { repeat } from "../state/repeat.ts";
import type { Act } from "./act-recorder.ts";

const EVERY_MS = 10_000;

/**
 * Rotations of the master key are done by a command while nothing runs: their acts are recorded here as soon as something does, by one of several
 * APIs. A crash right after may record one twice, under the same rotation_id.
 */
export function recordRotations({ app, dependencies }: Feature, { lease }: { lease: Lease }): void {
  const { objects, acts, logger } = dependencies;
  const notes = createRotationNotes(objects);
  const work = async () => {
    if (!(await lease.hold())) return;
    for (const due of (await notes.read()).filter(({ recorded }) => !recorded)) {
      await acts.record(actOf(due));
      await notes.update((before) =>
        before.map((one) => (one.rotation_id === due.rotation_id ? { ...one, recorded: true } : one)),
      );
    }
  };
  let running: { stop(): Promise<void> } | undefined;
  app.addHook("onListen", async () => {
    running = repeat(EVERY_MS, work, (error) => logger.warn({ err: error }, "a rotation waits to be recorded"));
  });
  app.addHook("onClose", async () => await running?.stop());
}

/** Who can run the command has the machine, and no key or role of ours. */
function actOf({ rotation_id, master_id, time_ms, by, reason }: RotationNote): Act {
  const principal = { keyId: null, name: by, roles: new Set<never>(), tenant: DEFAULT_TENANT, everyTenant: false };
  const time = rfc3339FromUnixNano(BigInt(time_ms) * 1_000_000n);
  return { action: "master_key.rotate", principal, reason, target: { rotation_id, master_id, time } };
}
