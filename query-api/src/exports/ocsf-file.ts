import { join } from "node:path";
import { canonicalJson, type RunledgerRecord } from "@runledger/contract";
import type { ExportLog } from "./export-log.ts";
import { keyedLine, mergedLines, withoutKey } from "./merged-lines.ts";
import { ocsfEvent } from "./ocsf.ts";
import { createPartFile } from "./part-file.ts";

/** `derived/ocsf.jsonl`, on its way: of several logs in order of the times of receipt. */
export interface OcsfFile {
  /** In the order of each log. */
  add(log: ExportLog, index: number, record: RunledgerRecord): Promise<void>;
  /** @returns the path of the whole. */
  finish(): Promise<string>;
}

export function createOcsfFile(directory: string, logs: readonly ExportLog[]): OcsfFile {
  const parts = new Map(logs.map((log, i) => [log, createPartFile(join(directory, `ocsf-${i}.jsonl`))]));
  const isOne = logs.length === 1;
  return {
    async add(log, index, record) {
      const event = ocsfEvent(index, record, isOne ? null : log.shard);
      if (event === null) return;
      const text = jsonLine(event);
      // Where parts are merged later, a line tells when its record came.
      await parts.get(log)?.write(isOne ? `${text}\n` : keyedLine(record.received_time, text));
    },
    async finish() {
      const all = [...parts.values()];
      await Promise.all(all.map((part) => part.close()));
      const [only] = all;
      if (isOne && only !== undefined) return only.path;
      const whole = createPartFile(join(directory, "ocsf.jsonl"));
      for await (const line of mergedLines(all.map(({ path }) => path))) await whole.write(`${withoutKey(line)}\n`);
      await whole.close();
      return whole.path;
    },
  };
}

/** Without the separators of lines and paragraphs that JSON may hold as they are, and at which many readers of lines split too. */
function jsonLine(event: object): string {
  return canonicalJson(event).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
