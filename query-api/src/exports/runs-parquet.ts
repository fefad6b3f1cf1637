import type { BundleRun } from "@runledger/contract";
import { parquetWriteFile } from "hyparquet-writer";
import { runColumns } from "./runs-csv.ts";

/** A row a run, the columns of the CSV: texts (UTF8) and counts (INT64), nullable. */
export function writeRunsParquet(filename: string, runs: readonly BundleRun[], ofSeveral: boolean): void {
  const columnData = runColumns(ofSeveral).map(([name, type, value]) => ({
    name,
    data: runs.map((run) => cell(value(run))),
    type: type === "text" ? ("STRING" as const) : ("INT64" as const),
    nullable: true,
  }));
  parquetWriteFile({ filename, columnData, createdBy: "runledger" });
}

/** INT64's: sums of what agents tell may be beyond. */
const MAX_COUNT = 2n ** 63n - 1n;

/** What the column can't hold is unknown there; `runs.json` has it. */
function cell(value: string | number | null): string | bigint | null {
  if (typeof value !== "number") return value;
  const count = BigInt(value);
  return count > MAX_COUNT ? null : count;
}
