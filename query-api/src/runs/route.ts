import { listRunsQuery, MAX_RUN_ID_CHARS, runDetail, runList } from "@runledger/contract";
import { z } from "zod";
import { createContentReads } from "../acts/content-reads.ts";
import type { Feature } from "../dependencies.ts";
import { ERROR_RESPONSES } from "../http/error-handler.ts";
import {
  isMessage,
  isPreviewed,
  quotesContent,
  runWithoutContent,
  seesHits,
  seesMessages,
  seesPreviews,
  withoutContent,
  withoutMessage,
} from "../steps/previews.ts";
import { queryToolCalls } from "../steps/tool-calls.ts";
import { completenessOf } from "./completeness.ts";
import { noRun } from "./run-bounds.ts";
import { createRunLists } from "./run-list.ts";
import { rootsOf } from "./run-roots.ts";
import { createRunSummaries, type RunSummaries, type SummarizedRun } from "./run-summaries.ts";

const MESSAGES_ASK_FOR_A_ROLE =
  "Reasons of ends and messages of errors are null for who has not the role investigator.";

/** `GET /v1/runs` and `GET /v1/runs/{run_id}`. */
export function registerRuns({ app, dependencies, settings }: Feature): void {
  const { rows, clock, acts } = dependencies;
  const reads = createContentReads(acts, clock);
  const summaries = createRunSummaries(rows, clock, settings);
  const lists = createRunLists(rows, summaries, clock, settings);
  app.get(
    "/v1/runs",
    {
      config: { role: "viewer" },
      schema: {
        tags: ["runs"],
        summary: "Runs that fit a filter",
        description:
          "`q` looks for run id, task id and agent in every run, and for names and previews of steps and roots in those received since " +
          "`since`, or without it in the seven days before `until` or now. " +
          MESSAGES_ASK_FOR_A_ROLE,
        querystring: listRunsQuery.strict(),
        response: { 200: runList, ...ERROR_RESPONSES },
      },
    },
    async (request) => {
      const { query, principal } = request;
      const mayLook = query.q !== undefined && (await seesHits(reads, request, query.q));
      const list = await lists.list({ tenant: principal.tenant, seesContent: mayLook }, query);
      const isShown = !list.items.some(quotesContent) || (await seesMessages(reads, request, null));
      return isShown ? list : { ...list, items: list.items.map(runWithoutContent) };
    },
  );
  app.get(
    "/v1/runs/:run_id",
    {
      config: { role: "viewer" },
      schema: {
        tags: ["runs"],
        summary: "One run, with its tool calls and what it was asked and answered as a whole",
        description: `${MESSAGES_ASK_FOR_A_ROLE} So are previews empty.`,
        params: runParameters,
        querystring: z.strictObject({}),
        response: { 200: runDetail, ...ERROR_RESPONSES },
      },
    },
    async (request) => {
      const { run_id } = request.params;
      const { tenant } = request.principal;
      const found = await findRun(summaries, tenant, run_id);
      const [tool_calls, roots, completeness] = await Promise.all([
        queryToolCalls(rows, tenant, found),
        rootsOf(rows, tenant, found),
        completenessOf(rows, tenant, found),
      ]);
      const run = { ...found.run, ...completeness, tool_calls, roots };
      // Previews and messages are one read.
      const isQuoted = quotesContent(run) || [...tool_calls, ...roots].some(isMessage);
      const sees = roots.some(isPreviewed) ? seesPreviews : isQuoted ? seesMessages : null;
      if (sees === null || (await sees(reads, request, run_id))) return run;
      return {
        ...runWithoutContent(run),
        tool_calls: tool_calls.map(withoutMessage),
        roots: roots.map(withoutContent),
      };
    },
  );
}

export const runParameters = z.strictObject({ run_id: z.string().min(1).max(MAX_RUN_ID_CHARS) });

/** @throws QueryApiError `not_found`. */
async function findRun(summaries: RunSummaries, tenant: string, runId: string): Promise<SummarizedRun> {
  const found = (await summaries.byId(tenant, [runId])).get(runId);
  if (found) return found;
  throw noRun(runId);
}
