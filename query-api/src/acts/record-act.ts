import type { FastifyRequest } from "fastify";
import type { ActRecorder } from "./act-recorder.ts";
import { reasonOf } from "./reason.ts";

/** Records what the caller is about to do, with the reason that the request gives. @throws QueryApiError `unavailable`: don't do it. */
export async function recordAct(
  acts: ActRecorder,
  request: FastifyRequest,
  action: string,
  target: Record<string, unknown>,
): Promise<void> {
  await acts.record({ action, principal: request.principal, reason: reasonOf(request), target });
}
