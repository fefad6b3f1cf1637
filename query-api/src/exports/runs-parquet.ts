import type { BundleRun } from "@runledger/contract";
import { fileWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import { runColumns } from "./runs-csv.ts";

/** A row a run, the columns of the CSV: texts (UTF8) and counts (INT64), nullable. Memory is bounded by a group of rows. */
export interface RunsParquet {
  add(run: BundleRun): Promise<void>;
  finish(): Promise<void>;
}

/** Readers look at the first, small group for a preview. */
const FIRST_GROUP_ROWS = 1_000;
const GROUP_ROWS = 10_000;
const GROUP_CHARS = 16 * 1024 * 1024;
/** Least and greatest texts of each group are in memory until the end: of longer ones there are none. */
const MAX_STATISTIC_CHARS = 1_000;

type Cell = string | bigint | null;

export function createRunsParquet(filename: string, ofSeveral: boolean): RunsParquet {
  const columns = runColumns(ofSeveral);
  const columnsOf = (rows: readonly Cell[][]) =>
    columns.map(([name, type], i) => ({
      name,
      data: rows.map((row) => row[i] as Cell),
      type: type === "text" ? ("STRING" as const) : ("INT64" as const),
      nullable: true,
      ...(rows.some((row) => charsOf(row[i] as Cell) > MAX_STATISTIC_CHARS) && { statistics: false }),
    }));
  const schema = schemaFromColumnData({ columnData: columnsOf([]) });
  const parquet = new ParquetWriter({ writer: fileWriter(filename), schema, createdBy: "runledger" });
  let rows: Cell[][] = [];
  let chars = 0;
  let maxRows = FIRST_GROUP_ROWS;
  const writeGroup = async (): Promise<void> => {
    if (rows.length > 0) await parquet.write({ columnData: columnsOf(rows), rowGroupSize: rows.length });
    rows = [];
    chars = 0;
    maxRows = GROUP_ROWS;
  };
  return {
    async add(run) {
      const row = columns.map(([, , value]) => cell(value(run)));
      rows.push(row);
      for (const each of row) chars += charsOf(each);
      if (rows.length === maxRows || chars > GROUP_CHARS) await writeGroup();
    },
    async finish() {
      await writeGroup();
      await parquet.finish();
    },
  };
}

function charsOf(value: Cell): number {
  return typeof value === "string" ? value.length : 0;
}

/** INT64's: sums of what agents tell may be beyond. */
const MAX_COUNT = 2n ** 63n - 1n;

/** What the column can't hold is unknown there; `runs.json` has it. */
function cell(value: string | number | null): Cell {
  if (typeof value !== "number") return value;
  const count = BigInt(value);
  return count > MAX_COUNT ? null : count;
}
