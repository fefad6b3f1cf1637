import type { Approval } from "@runledger/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useId, useState } from "react";
import { sendJson } from "../api/request.ts";
import { duration, epochMs } from "../format/time.ts";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { Icon } from "../ui/icon.tsx";
import { APPROVALS_KEY, approvalQuery } from "./control-queries.ts";
import { MAX_REASON_CHARS } from "./reason-length.ts";

/** A request that waits: what, for whom, how long still, and the two answers. */
export function ApprovalCard({ approval, nowMs }: { approval: Approval; nowMs: number }) {
  const [reason, setReason] = useState("");
  const ids = { title: useId(), reason: useId() };
  const client = useQueryClient();
  const answer = useMutation({
    mutationFn: (word: "approve" | "deny") => {
      const path = `/v1/approvals/${encodeURIComponent(approval.approval_id)}/${word}`;
      return sendJson<Approval>("POST", path, reason.trim() === "" ? {} : { reason });
    },
    onSettled: () => client.invalidateQueries({ queryKey: APPROVALS_KEY, exact: true }),
  });
  const leftMs = Math.max(0, epochMs(approval.expires_time) - nowMs);
  return (
    <article className="approval-card" id={approval.approval_id} aria-labelledby={ids.title}>
      <h2 id={ids.title}>
        <Icon name="approval" /> {approval.agent ?? "An agent"} asks: <code>{approval.tool}</code>
      </h2>
      {approval.question ? <p>{approval.question}</p> : null}
      <p className="muted">
        <Link to="/runs/$runId" params={{ runId: approval.run_id }}>
          Its run
        </Link>{" "}
        waits; no answer within {duration(leftMs)} is a no.
      </p>
      <Arguments approvalId={approval.approval_id} />
      <label htmlFor={ids.reason}>Why (optional; the agent is told, and the log keeps it)</label>
      <textarea
        id={ids.reason}
        rows={1}
        maxLength={MAX_REASON_CHARS}
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <div className="dialog-acts">
        <button type="button" className="button" disabled={answer.isPending} onClick={() => answer.mutate("deny")}>
          Deny
        </button>
        <button
          type="button"
          className="button button-good"
          disabled={answer.isPending}
          onClick={() => answer.mutate("approve")}
        >
          Approve
        </button>
      </div>
      {answer.error ? (
        <p className="bad" role="alert">
          {answer.error.message}
        </p>
      ) : null}
    </article>
  );
}

function Arguments({ approvalId }: { approvalId: string }) {
  const [wanted, setWanted] = useState(false);
  const { data, error, refetch } = useQuery(approvalQuery(approvalId, wanted));
  if (!wanted) {
    return (
      <button type="button" className="link-button" onClick={() => setWanted(true)}>
        Show the arguments <span className="muted">(it is recorded who looked)</span>
      </button>
    );
  }
  if (error)
    return <FailureNotice title="The arguments could not be loaded" error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted">Loading the arguments…</p>;
  if (data.arguments_withheld)
    return <p className="muted">Your key may not see content: this takes the role investigator.</p>;
  return (
    <>
      <pre className="approval-arguments">{pretty(data.arguments)}</pre>
      {data.arguments_cut ? <p className="bad">These are only the beginning: the arguments are longer.</p> : null}
    </>
  );
}

/** As it is where it is no JSON, which a cut text is not. */
function pretty(text: string | null): string {
  try {
    return text === null ? "none" : JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text ?? "none";
  }
}
