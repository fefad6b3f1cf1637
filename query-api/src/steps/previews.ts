import type { Step } from "@runledger/contract";
import type { FastifyRequest } from "fastify";
import type { ContentReads } from "../acts/content-reads.ts";
import { reasonOf } from "../acts/reason.ts";
import { QueryApiError } from "../error.ts";
import { seesContent } from "../http/access.ts";

/**
 * May the caller see the previews of this run's steps? They are cut from contents, so that is recorded as a read of content. When it can't be
 * recorded the steps are shown without: they are what somebody needs who looks for the reason.
 */
export async function seesPreviews(reads: ContentReads, request: FastifyRequest, runId: string): Promise<boolean> {
  const { principal } = request;
  if (!seesContent(principal)) return false;
  try {
    await reads.record({ principal, reason: reasonOf(request), target: { run_id: runId, part: "previews" } });
    return true;
  } catch (error) {
    if (error instanceof QueryApiError && error.code === "unavailable") return false;
    throw error;
  }
}

export function withoutPreviews(step: Step): Step {
  return { ...step, input_preview: "", output_preview: "" };
}
