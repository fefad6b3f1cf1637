import { createHash } from "node:crypto";
import { pricedModelPath } from "@runledger/contract";
import { type Objects, StorageError } from "@runledger/storage";
import type { NormalizedFrame, NormalizedRecord } from "../normalize/normalized.ts";
import type { Prices } from "../normalize/price.ts";
import { inParallel } from "./in-parallel.ts";

const PARALLEL = 8;
/** Beyond this all are looked up again. */
const MAX_KNOWN = 10_000;

/**
 * Keeps what each cost was made of: a record names the price table and its version alone, and a user's own file may be gone when somebody asks. One object for
 * each model, tenant and version, written once; exports bring those along. @throws StorageError; then nothing of the frames may be written yet.
 */
export function createKeptPrices(
  objects: Pick<Objects, "create">,
  { pricedBy }: Pick<Prices, "pricedBy">,
  warn: (message: string) => void,
): (frames: readonly NormalizedFrame[]) => Promise<void> {
  const known = new Set<string>();
  /** Paths: a model has many dated names. */
  const kept = new Set<string>();
  return async (frames) => {
    const names = new Set<string>();
    const files = new Map<string, Buffer>();
    for (const { records } of frames)
      for (const { facts } of records) {
        const name = nameOf(facts);
        if (name === null || known.has(name) || names.has(name)) continue;
        names.add(name);
        const priced = facts.llm && pricedBy(facts.llm);
        // A cost of another table was not made here.
        if (
          !priced ||
          priced.price_table !== facts.cost?.price_table ||
          priced.price_version !== facts.cost.price_version
        )
          continue;
        const table = { name: priced.price_table, version: priced.price_version };
        const file = Buffer.from(JSON.stringify(priced));
        const path = pricedModelPath(facts.tenant, table, createHash("sha256").update(file).digest("hex"));
        if (!kept.has(path)) files.set(path, file);
      }
    await inParallel(PARALLEL, [...files], async ([path, file]) => {
      try {
        await objects.create(path, file);
      } catch (error) {
        // Named by what it holds: what lies there is damaged. It is no evidence, and nothing waits for it.
        if (!(error instanceof StorageError && error.code === "conflict")) throw error;
        warn(`${path} does not hold what it is named by: exports can't tell what these calls were priced by`);
      }
    });
    remember(known, names);
    remember(kept, files.keys());
  };
}

function remember(known: Set<string>, more: Iterable<string>): void {
  for (const one of more) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.add(one);
  }
}

function nameOf({ tenant, llm, cost }: NormalizedRecord["facts"]): string | null {
  if (llm === null || cost === null) return null;
  return `${tenant}\n${cost.price_table}\n${llm.provider}\n${llm.response_model}\n${llm.request_model}`;
}
