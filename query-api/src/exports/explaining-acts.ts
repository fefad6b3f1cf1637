import type { Destruction } from "@runledger/contract";
import { type ExportLog, type ScannedEntry, scanLog } from "./export-log.ts";
import type { LogSelection, Selection } from "./selection.ts";

/** Which acts explain that selected payloads can't be read any more, in whichever log they stand. */
export interface ExplainingActs {
  isExplaining(shard: string, index: number): boolean;
  /** The destroyed keys of selected payloads. */
  readonly keyIds: ReadonlySet<string>;
}

/** An act may stand before the payloads, or in another log: the logs are read once more, if any key was destroyed. What a payload goes on from has its key. */
export async function findExplainingActs(
  logs: readonly ExportLog[],
  selection: Selection,
  tenant: string,
  signal: AbortSignal,
  onProgress: (scanned: number) => void,
): Promise<ExplainingActs> {
  const keyIds = new Set<string>();
  const acts = new Set<Destruction>();
  const { destroyed } = selection;
  let scanned = 0;
  for (const [i, log] of (destroyed.destructions.length === 0 ? [] : logs).entries()) {
    for await (const { index, entry } of scanLog(log, signal)) {
      if (scanned++ % 1_024 === 0) onProgress(scanned);
      if (entry.tenant !== tenant || !isSelected(index, entry, selection.logs[i], selection.runIds)) continue;
      for (const { key_id: keyId } of Object.values(entry.payloads)) {
        const act = keyId === undefined ? null : destroyed.of(keyId);
        if (keyId === undefined || act === null) continue;
        keyIds.add(keyId);
        acts.add(act);
      }
    }
  }
  const places = new Set([...acts].map(({ shard, logIndex }) => `${shard ?? logs[0]?.shard} ${logIndex}`));
  return { isExplaining: (shard, index) => places.has(`${shard} ${index}`), keyIds };
}

function isSelected(
  index: number,
  entry: ScannedEntry,
  selected: LogSelection | undefined,
  runIds: ReadonlySet<string> | null,
): boolean {
  if (runIds !== null) return runIds.has(entry.run_id);
  const [first, end] = selected?.range ?? [0, 0];
  return index >= first && index < end;
}
