import { isBeingRebuilt, type Rows } from "@runledger/storage";
import { QueryApiError } from "../error.ts";

/**
 * To be called after ClickHouse was asked whose runs are, or what a hold is on: a rebuild takes all rows out first, and then nothing is anybody's.
 * @throws QueryApiError `unavailable`
 */
export async function requireWholeRows(rows: Rows): Promise<void> {
  if (!(await isBeingRebuilt(rows))) return;
  throw new QueryApiError("unavailable", "ClickHouse is being rebuilt: it does not tell yet whose runs are", {
    hint: "ask again when that is done; if nobody does it, it was interrupted: stop Runledger and run `runledger rebuild` again",
  });
}
