import { openRows, type Rows } from "@runledger/storage";
import type { Logger } from "pino";

/** `openRows` for what writes records: one value that a column can't hold must not hold up all that comes after it. */
export function openLenientRows(url: string, logger: Pick<Logger, "error">): Rows {
  return openRows(url, {
    onUnfit: (unfit) => logger.error(unfit, "ClickHouse can't hold a value, which is missing there; the log has it"),
  });
}
