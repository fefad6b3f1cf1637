import { createHash } from "node:crypto";
import type { Run, Step } from "@runledger/contract";
import type { FastifyRequest } from "fastify";
import type { Act } from "../acts/act-recorder.ts";
import type { ContentReads } from "../acts/content-reads.ts";
import { reasonOf } from "../acts/reason.ts";
import { seesContent } from "../http/access.ts";

/** May the caller see the previews of this run's steps? They are cut from contents. */
export function seesPreviews(reads: ContentReads, request: FastifyRequest, runId: string): Promise<boolean> {
  return mayRead(reads, request, { run_id: runId, part: "previews" });
}

/** May the caller see what runs quote of contents: messages of errors, reasons of ends? Null: those of whichever runs are listed or stream by. */
export function seesMessages(reads: ContentReads, request: FastifyRequest, runId: string | null): Promise<boolean> {
  return mayRead(reads, request, { ...(runId === null ? {} : { run_id: runId }), part: "errors" });
}

/** May previews be looked through for a text? A hit tells what is in them. On record is the text's hash: itself it could be a person's name. */
export function seesHits(reads: ContentReads, request: FastifyRequest, text: string): Promise<boolean> {
  const q_sha256 = createHash("sha256").update(text).digest("hex");
  return mayRead(reads, request, { part: "search", q_sha256 });
}

/** Whether the caller may read contents, which is recorded. */
async function mayRead(reads: ContentReads, request: FastifyRequest, target: Act["target"]): Promise<boolean> {
  const { principal } = request;
  return seesContent(principal) && (await reads.recordSoon({ principal, reason: reasonOf(request), target }));
}

type Previewed = Pick<Step, "input_preview" | "output_preview">;

/** A step, or a run's root, as it is shown to who may not see content: without what is cut from it, or may quote it. */
export function withoutContent<Shown extends Previewed & Pick<Step, "error">>(step: Shown): Shown {
  return withoutMessage({ ...step, input_preview: "", output_preview: "" });
}

export function isPreviewed({ input_preview, output_preview }: Previewed): boolean {
  return input_preview !== "" || output_preview !== "";
}

/** So of a run: the reason of one that failed is its error's message. */
export function runWithoutContent<Shown extends Run>(run: Shown): Shown {
  return withoutMessage({ ...run, reason: null });
}

/** Would they tell more to who may see content? */
export function quotesContent({ reason, error }: Pick<Run, "reason" | "error">): boolean {
  return reason !== null || isMessage({ error });
}

/** The same of a step or tool call. */
export function isMessage({ error }: Pick<Step, "error">): boolean {
  return error !== null && error.message !== null;
}

/** What failed tells only the type of its error. */
export function withoutMessage<Failed extends Pick<Step, "error">>(failed: Failed): Failed {
  return failed.error === null ? failed : { ...failed, error: { ...failed.error, message: null } };
}
