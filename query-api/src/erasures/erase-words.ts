import type { Objects } from "@runledger/storage";
import { createApprovalDocument, type ErasedWords, hasErasedWords, withoutWords } from "../approvals/approval-book.ts";
import { createKillDocument, withoutReasons } from "../control/kill-book.ts";

/**
 * Takes what people and agents said of these runs out of the state documents: questions, arguments and reasons of requests for approval, reasons of kills.
 * Idempotent; a crash in between leaves what the next call removes. Who asks or answers at the very moment may be after it: it is called again.
 */
export async function eraseWords(objects: Objects, erased: ErasedWords): Promise<void> {
  const approvals = createApprovalDocument(objects);
  // The arguments first: once nothing names them, only a sweep would find them.
  for (const one of (await approvals.read()).approvals)
    if (one.arguments_path !== null && hasErasedWords(one, erased)) await objects.delete(one.arguments_path);
  await approvals.update((state) => withoutWords(state, erased));
  await createKillDocument(objects).update((state) => withoutReasons(state, erased));
}
