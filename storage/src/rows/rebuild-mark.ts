import type { Rows } from "./rows.ts";

/** While this table exists ClickHouse is being refilled; after a crash of that only another `rebuild` helps. */
const REBUILD_MARK = "rebuild_in_progress";

/** Before the first row goes. Every collector sends again what it has brought and its log lacks, when it opens ClickHouse next. */
export async function markRebuild(rows: Rows): Promise<void> {
  await rows.command(
    `CREATE TABLE IF NOT EXISTS ${REBUILD_MARK} (started DateTime) ENGINE = MergeTree ORDER BY started`,
  );
  await rows.command("ALTER TABLE journals UPDATE emptied = true WHERE NOT emptied SETTINGS mutations_sync = 2");
}

/** After the last row has come. */
export async function unmarkRebuild(rows: Rows): Promise<void> {
  await rows.command(`DROP TABLE ${REBUILD_MARK}`);
}

/** Whether rows are lacking since somebody refills ClickHouse, or did until that was interrupted. What was read before this says no was complete. */
export async function isBeingRebuilt(rows: Rows): Promise<boolean> {
  const [mark] = await rows.query<{ result: boolean | number }>(`EXISTS TABLE ${REBUILD_MARK}`);
  return Number(mark?.result ?? 0) !== 0;
}
