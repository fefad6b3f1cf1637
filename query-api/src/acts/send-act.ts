import { z } from "zod";
import type { ActRequest } from "./act-request.ts";

/** Resolves when the act is durable. @throws Error when it isn't, or nobody knows. */
export type SendAct = (request: ActRequest) => Promise<void>;

const SEND_TIMEOUT_MS = 5_000;
const answer = z.object({
  partialSuccess: z.object({ rejectedSpans: z.coerce.number(), errorMessage: z.string().default("") }).optional(),
});

/** Sends acts to the collector's own door, which takes them from whoever shows `ownKey`. */
export function createActSender({ url, ownKey }: { url: string; ownKey: string }): SendAct {
  const target = new URL("/v1/traces", url);
  return async ({ tenant, body }) => {
    const response = await fetch(target, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${ownKey}`, "runledger-tenant": tenant },
      body,
      signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`the collector answered ${response.status}: ${text}`);
    const { partialSuccess } = answer.parse(JSON.parse(text));
    if (partialSuccess && partialSuccess.rejectedSpans > 0)
      throw new Error(`the collector refused it: ${partialSuccess.errorMessage}`);
  };
}
