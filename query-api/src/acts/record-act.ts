import type { FastifyRequest } from "fastify";
import type { ActRecorder } from "./act-recorder.ts";
import { reasonOf } from "./reason.ts";

/**
 * Records what the caller is about to do, with the reason that the request gives. `tenant`: whose trail it is in, if not that of who acts.
 * @throws QueryApiError `unavailable`: don't do it.
 */
export async function recordAct(
  acts: ActRecorder,
  request: FastifyRequest,
  action: string,
  target: Record<string, unknown>,
  tenant = request.principal.tenant,
): Promise<void> {
  await acts.record({ action, principal: { ...request.principal, tenant }, reason: reasonOf(request), target });
}
