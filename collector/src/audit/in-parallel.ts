/** Runs `task` for each item, at most `limit` at a time; results in the order of the items. The first rejection is the whole's, once all that began have ended. */
export async function inParallel<Item, Result>(
  limit: number,
  items: readonly Item[],
  task: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await task(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  for (const worker of ended) if (worker.status === "rejected") throw worker.reason;
  return results;
}
