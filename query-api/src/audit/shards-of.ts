import { byUtf8, DIRECTORY } from "@runledger/contract";
import type { Objects } from "@runledger/storage";

/** Names of the logs of records that a store has, in the order in which bundles have them. */
export async function shardsOf(objects: Pick<Objects, "folders">): Promise<string[]> {
  return (await objects.folders("log/")).filter((name) => name !== DIRECTORY).sort(byUtf8);
}
