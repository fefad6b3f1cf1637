import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { NormalizedFrame } from "@runledger/collector";
import { openObjects } from "@runledger/storage";
import { type BundleLog, createBundleLog, runFrame } from "./bundle-log.ts";
import { createSampleStore, type SampleStore } from "./sample-log.ts";

/** What was really done: an agent that pays, a run that failed. */
export const TRUTH: readonly NormalizedFrame[] = [
  runFrame(1, { run: "a", agent: "payments", user: "u1", steps: 3, second: 0 }),
  failed(runFrame(2, { run: "b", agent: "payments", user: "u2", steps: 4, second: 10 })),
  runFrame(3, { run: "c", agent: "support", user: "u1", steps: 2, second: 20 }),
];

/** The frame with its run's end changed, as the agent would have sent it. */
export function ended(frame: NormalizedFrame, status: "completed" | "failed"): NormalizedFrame {
  const records = frame.records.map((record) => {
    const { end } = record.facts;
    return end === null ? record : { ...record, facts: { ...record.facts, end: { ...end, status } } };
  });
  return { ...frame, records };
}

function failed(frame: NormalizedFrame): NormalizedFrame {
  return ended(frame, "failed");
}

/** A log of these frames, a batch each. With `like`: signed with that log's key by somebody who made it forget what it had signed. */
export async function logOf(frames: readonly NormalizedFrame[], like?: SampleStore): Promise<BundleLog> {
  const fresh = await createSampleStore();
  const log = await createBundleLog(
    like === undefined ? fresh : { ...fresh, key: { ...like.key, lastSigned: fresh.key.lastSigned } },
  );
  for (const frame of frames) await log.write(frame);
  return log;
}

/** The whole directory as it was, `keys/*.signed` with it, put back later. */
export async function snapshotOf({ directory }: SampleStore): Promise<{ putBack(): Promise<void> }> {
  const copy = `${directory}.copy`;
  await cp(directory, copy, { recursive: true });
  return {
    putBack: async () => {
      await rm(directory, { recursive: true });
      await cp(copy, directory, { recursive: true });
      await rm(copy, { recursive: true });
    },
  };
}

/** The log opened anew on what lies in its directory, its journal at this frame. */
export async function openedAgain(store: SampleStore, nextSeq: number): Promise<BundleLog> {
  let at = nextSeq;
  const cursor = {
    load: async () => at,
    save: async (next: number) => {
      at = next;
    },
  };
  const objects = await openObjects(`file:${join(store.directory, "objects")}`);
  return await createBundleLog({ ...store, objects, cursor });
}
