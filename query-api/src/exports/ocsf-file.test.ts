import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { recordOf } from "../testing/small-log.ts";
import { at, llmRow } from "../testing/step-rows.ts";
import type { ExportLog } from "./export-log.ts";
import { createOcsfFile } from "./ocsf-file.ts";

test.each([1, 2])("a name with separators of lines and paragraphs stays in its line: %s logs", async (count) => {
  const directory = await mkdtemp(join(tmpdir(), "ocsf-"));
  try {
    const logs = ["a", "b"].slice(0, count).map((shard): ExportLog => ({ shard }) as ExportLog);
    const file = createOcsfFile(directory, logs);
    for (const [i, log] of logs.entries())
      for (const second of [i, i + 4]) {
        const record = recordOf(llmRow("r", `step-${second}`, {}), { received_time: at(second) });
        await file.add(log, second, {
          ...record,
          run: { ...record.run, agent_name: `charge\u2028approved\u2029\u0085by ${second}` },
        });
      }
    const text = await readFile(await file.finish(), "utf8");
    const names = text
      .split(/[\n\u2028\u2029]/)
      .slice(0, -1)
      .map((line) => JSON.stringify(JSON.parse(line)));
    expect(names).toHaveLength(2 * count);
    for (const [i, second] of (count === 1 ? [0, 4] : [0, 1, 4, 5]).entries())
      expect(names[i]).toContain(`charge\u2028approved\u2029\u0085by ${second}`);
  } finally {
    await rm(directory, { recursive: true });
  }
});
