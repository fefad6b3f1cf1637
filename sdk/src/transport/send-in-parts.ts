import { requestParts } from "./request-parts.ts";
import type { SpoolDependencies } from "./spool.ts";

type SendInParts = Pick<SpoolDependencies, "send" | "now">;

export interface RefusedPart {
  bytes: Uint8Array;
  error: unknown;
}

/**
 * Sends a request, and where one record of it may be to blame that it is not taken, its halves, until that one is alone.
 * @returns the parts that will never be taken; null: not now, and all of it again later, where what comes twice is kept once.
 */
export async function sendInParts(
  dependencies: SendInParts,
  request: Uint8Array,
  deadline: number,
): Promise<RefusedPart[] | null> {
  return await sendParts(dependencies, requestParts(request) ?? [request], deadline);
}

async function sendParts(
  dependencies: SendInParts,
  parts: readonly Uint8Array[],
  deadline: number,
): Promise<RefusedPart[] | null> {
  const { send, now } = dependencies;
  const request = Buffer.concat(parts);
  const { outcome, error } = await send(request, deadline - now());
  if (outcome === "delivered") return [];
  if (outcome !== "split" || now() >= deadline) return null;
  if (parts.length <= 1) return [{ bytes: request, error }];
  const middle = Math.ceil(parts.length / 2);
  const first = await sendParts(dependencies, parts.slice(0, middle), deadline);
  const second = first && (await sendParts(dependencies, parts.slice(middle), deadline));
  return first && second && [...first, ...second];
}
