import type { Approval } from "@runledger/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { epochMs } from "../format/time.ts";
import { RelativeTime, useNow } from "../ui/clock.tsx";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { usePageTitle } from "../ui/page-title.ts";
import { ApprovalCard } from "./approval-card.tsx";
import { approvalsQuery, questionsQuery } from "./control-queries.ts";

/** What agents ask people for before they do it; below, what was answered. */
export function ApprovalsPage() {
  usePageTitle("Approvals");
  const { data, error, refetch, isPending } = useQuery(approvalsQuery);
  const nowMs = useNow();
  const items = data?.items ?? [];
  const waiting = items
    .filter(({ status }) => status === "pending")
    .sort((a, b) => epochMs(a.expires_time) - epochMs(b.expires_time)); // whose time runs out first
  const { data: questions, ...asking } = useQuery(questionsQuery(waiting));
  const answered = items.filter(({ status }) => status !== "pending");
  return (
    <div className="page approvals-page">
      <div className="page-head">
        <h1>Approvals</h1>
      </div>
      {error && data === undefined ? (
        <FailureNotice title="Requests could not be loaded" error={error} onRetry={() => void refetch()} />
      ) : null}
      {asking.error && waiting.length > 0 ? (
        <FailureNotice
          title="What they ask could not be loaded"
          error={asking.error}
          onRetry={() => void asking.refetch()}
        />
      ) : null}
      <section aria-label="Waiting for an answer" aria-live="polite" className="approvals">
        {waiting.length === 0 && !isPending && !error ? (
          <p className="muted">No agent waits for an answer. Tools that can't be undone ask here before they run.</p>
        ) : null}
        {waiting.map((approval) => (
          <ApprovalCard
            key={approval.approval_id}
            approval={{ ...approval, question: questions?.get(approval.approval_id) ?? null }}
            nowMs={nowMs}
          />
        ))}
      </section>
      {answered.length > 0 ? <Answered approvals={answered} nowMs={nowMs} /> : null}
    </div>
  );
}

function Answered({ approvals, nowMs }: { approvals: Approval[]; nowMs: number }) {
  return (
    <section aria-labelledby="answered">
      <h2 id="answered">Answered</h2>
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">Answer</th>
            <th scope="col">Tool</th>
            <th scope="col">Agent</th>
            <th scope="col">By</th>
            <th scope="col">Why</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {approvals.map((one) => (
            <tr key={one.approval_id}>
              <td className={one.status === "approved" ? "good" : "bad"}>{one.status}</td>
              <td>
                <Link to="/runs/$runId" params={{ runId: one.run_id }}>
                  {one.tool}
                </Link>
              </td>
              <td>{one.agent ?? "—"}</td>
              <td>{one.by ?? "—"}</td>
              <td>{one.reason ?? "—"}</td>
              <td>{one.decided_time ? <RelativeTime time={one.decided_time} nowMs={nowMs} /> : null}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
