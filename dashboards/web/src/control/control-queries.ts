import type { Approval, ApprovalDetail, Kill } from "@runledger/contract";
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { getJson } from "../api/request.ts";

const EVERY_MS = 3_000;
export const KILLS_KEY = ["kills"];
export const APPROVALS_KEY = ["approvals"];

export const killsQuery = queryOptions({
  queryKey: KILLS_KEY,
  queryFn: ({ signal }) => getJson<{ items: Kill[] }>("/v1/kill", {}, signal),
  refetchInterval: EVERY_MS,
});

/** Newest first, whatever their status; without what they ask, which is on record as a read. */
export const approvalsQuery = queryOptions({
  queryKey: APPROVALS_KEY,
  queryFn: ({ signal }) => getJson<{ items: Approval[] }>("/v1/approvals", { questions: "false" }, signal),
  refetchInterval: EVERY_MS,
});

const QUESTIONS_STALE_MS = 60_000;

/** What those that wait ask, by their id. Read when it is shown, and again when others wait. */
export const questionsQuery = (waiting: readonly Approval[]) =>
  queryOptions({
    queryKey: [...APPROVALS_KEY, "questions", ...waiting.map(({ approval_id }) => approval_id)],
    queryFn: ({ signal }) => getJson<{ items: Approval[] }>("/v1/approvals", { status: "pending" }, signal),
    select: ({ items }) => new Map(items.map(({ approval_id, question }) => [approval_id, question])),
    enabled: waiting.length > 0,
    staleTime: QUESTIONS_STALE_MS,
    placeholderData: keepPreviousData,
  });

/** With its arguments. Asked for only when somebody wants to see them: it is on record who did. */
export const approvalQuery = (approvalId: string, wanted: boolean) =>
  queryOptions({
    queryKey: [...APPROVALS_KEY, approvalId],
    queryFn: ({ signal }) => getJson<ApprovalDetail>(`/v1/approvals/${encodeURIComponent(approvalId)}`, {}, signal),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
  });
