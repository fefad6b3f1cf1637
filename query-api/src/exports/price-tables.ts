import { type BundleSummary, pricedModelsPrefix } from "@runledger/contract";
import type { Objects } from "@runledger/storage";
import { z } from "zod";

/** What the costs in a bundle were made of, as `policies.json` tells it. */
export interface ToldPriceTable {
  name: string;
  version: string;
  /** As the table has them (docs/prices.md); those that calls of the tenant were priced by. Empty: of before they were kept. */
  models: object[];
  /** How many more there are. */
  left_out?: number;
}

const pricedModel = z.object({
  model: z.record(z.string(), z.json()),
});
/** The file that they stand in is 1 MiB at most. */
const MAX_CHARS = 400_000;

/** Of the tables that records name. @throws StorageError */
export async function tellPriceTables(
  objects: Pick<Objects, "list" | "read">,
  tenant: string,
  used: BundleSummary["price_tables"],
): Promise<ToldPriceTable[]> {
  const tables = used.map(({ name, version }): ToldPriceTable => ({ name, version, models: [] }));
  let chars = 0;
  for (const table of tables)
    for await (const { path, sizeBytes } of objects.list(pricedModelsPrefix(tenant, table))) {
      chars += sizeBytes;
      if (chars > MAX_CHARS) {
        table.left_out = (table.left_out ?? 0) + 1;
        continue;
      }
      const parsed = pricedModel.safeParse(jsonOf(await objects.read(path)));
      if (parsed.success) table.models.push(parsed.data.model);
    }
  return tables;
}

function jsonOf(bytes: Uint8Array | null): unknown {
  try {
    return JSON.parse(Buffer.from(bytes ?? []).toString());
  } catch {
    return null; // nobody checks these: what is none is not told
  }
}
