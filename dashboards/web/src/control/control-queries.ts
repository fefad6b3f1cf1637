import type { Approval, ApprovalDetail, Kill } from "@runledger/contract";
import { queryOptions } from "@tanstack/react-query";
import { getJson } from "../api/request.ts";

const EVERY_MS = 3_000;
export const KILLS_KEY = ["kills"];
export const APPROVALS_KEY = ["approvals"];

export const killsQuery = queryOptions({
  queryKey: KILLS_KEY,
  queryFn: ({ signal }) => getJson<{ items: Kill[] }>("/v1/kill", {}, signal),
  refetchInterval: EVERY_MS,
});

/** Newest first, whatever their status. */
export const approvalsQuery = queryOptions({
  queryKey: APPROVALS_KEY,
  queryFn: ({ signal }) => getJson<{ items: Approval[] }>("/v1/approvals", {}, signal),
  refetchInterval: EVERY_MS,
});

/** With its arguments. Asked for only when somebody wants to see them: it is on record who did. */
export const approvalQuery = (approvalId: string, wanted: boolean) =>
  queryOptions({
    queryKey: [...APPROVALS_KEY, approvalId],
    queryFn: ({ signal }) => getJson<ApprovalDetail>(`/v1/approvals/${encodeURIComponent(approvalId)}`, {}, signal),
    enabled: wanted,
    staleTime: Number.POSITIVE_INFINITY,
  });
