import { Readable } from "node:stream";
import { type Step, stepDetail, stepList } from "@runledger/contract";
import { z } from "zod";
import { createContentReads } from "../acts/content-reads.ts";
import { reasonOf, reasonParameter } from "../acts/reason.ts";
import type { Feature } from "../dependencies.ts";
import { createGoneContents } from "../erasures/destroyed-content.ts";
import { QueryApiError } from "../error.ts";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import { runParameters } from "../runs/route.ts";
import { findBounds } from "../runs/run-bounds.ts";
import { createContentThread } from "./content-thread.ts";
import { createInferredContents } from "./inferred-content.ts";
import { jsonChunks } from "./json-bytes.ts";
import { fillFromLogs } from "./log-summaries.ts";
import { seesPreviews, withoutContent } from "./previews.ts";
import { createStepContents, type StepContents } from "./step-content.ts";
import { createStepLogs } from "./step-logs.ts";
import { queryRoots, querySteps } from "./step-query.ts";
import { stepFromRow } from "./step-view.ts";

const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  cursor: z.string().optional(),
});
const stepParameters = runParameters.extend({ step_id: z.string().min(1).max(64) });
const detailQuery = z.strictObject({
  reason: reasonParameter,
  record_id: z.string().optional().describe("which one, when several records have this step id (conflict)"),
});
const NUMBER = /^\d{1,20}$/;
const CURSOR_SHAPE = [NUMBER, NUMBER, /^/, /^/];

/** `GET /v1/runs/{run_id}/steps` and `…/steps/{step_id}`. */
export function registerSteps({ app, dependencies }: Feature): void {
  const { rows, objects, keyring, acts, clock } = dependencies;
  const reads = createContentReads(acts, clock);
  const stores = { rows, objects, keyring, gone: createGoneContents(objects) };
  const thread = createContentThread();
  app.addHook("onClose", () => thread.close());
  const contents = createStepContents(stores, createStepLogs(stores, thread), thread);
  const inferredContents = createInferredContents(stores, thread);
  const detailOf = async (step: Step, resultIn: string, where: Parameters<StepContents["withContent"]>[1]) => {
    if (step.shown_by !== null) return await inferredContents.withContent(where.tenant, step, resultIn);
    const [filled = step] = await fillFromLogs(rows, { ...where, runIds: [where.runId] }, [step]);
    return await contents.withContent(filled, where);
  };
  app.get(
    "/v1/runs/:run_id/steps",
    {
      config: { role: "viewer" },
      schema: {
        tags: ["runs"],
        summary: "The steps of a run, in order",
        description: "For who has not the role investigator previews are empty, and messages of errors null.",
        params: runParameters,
        querystring: listQuery,
        response: { 200: stepList, ...ERROR_RESPONSES },
      },
    },
    async (request) => {
      const { run_id } = request.params;
      const { limit, cursor } = request.query;
      const { tenant } = request.principal;
      const received = await findBounds(rows, tenant, run_id);
      const after = cursor === undefined ? {} : { after: decodeCursor({ run_id }, cursor, CURSOR_SHAPE).after };
      const found = await querySteps(rows, { tenant, runIds: [run_id], received, limit: limit + 1, ...after });
      const shown = found.slice(0, limit);
      const last = z.array(z.string()).safeParse(shown.at(-1)?.["place"]);
      const steps = await fillFromLogs(rows, { tenant, runIds: [run_id], received }, shown.map(stepFromRow));
      return {
        items: (await seesPreviews(reads, request, run_id)) ? steps : steps.map(withoutContent),
        next_cursor:
          found.length > limit && last.success ? encodeCursor({ run_id }, { after: last.data, asOfMs: 0 }) : null,
      };
    },
  );
  app.get(
    "/v1/runs/:run_id/steps/:step_id",
    {
      config: { role: "investigator" },
      schema: {
        tags: ["runs"],
        summary: "A step, or the run as a whole, with its content: exactly what went in and came out",
        description:
          "The ids of the records of the run as a whole are in `roots` of the run; they have no `seq` among its steps, but 0.",
        params: stepParameters,
        querystring: detailQuery,
        response: { 200: stepDetail, ...ERROR_RESPONSES },
      },
    },
    async (request, reply) => {
      const { run_id, step_id } = request.params;
      const { record_id } = request.query;
      const { tenant } = request.principal;
      const received = await findBounds(rows, tenant, run_id);
      const which = record_id === undefined ? {} : { recordIds: [record_id] };
      const question = { tenant, runIds: [run_id], received, limit: 1, stepId: step_id, ...which };
      const row = (await querySteps(rows, question))[0] ?? (await queryRoots(rows, question))[0];
      if (row === undefined) {
        throw new QueryApiError("not_found", `run ${run_id} has no step ${step_id}`, {
          hint: `GET /v1/runs/${run_id}/steps lists them`,
        });
      }
      const step = stepFromRow(row);
      const target = { run_id, step_id, record_id: step.record_id };
      await reads.record({ principal: request.principal, reason: reasonOf(request), target });
      const detail = await detailOf(step, String(row["result_in"]), { tenant, runId: run_id, received });
      const chunks = jsonChunks(detail);
      if (chunks === null) return detail;
      // As the schema says, but in pieces: nothing so large is looked through and written at once.
      return reply.type("application/json; charset=utf-8").send(Readable.from(chunks) as never);
    },
  );
}
