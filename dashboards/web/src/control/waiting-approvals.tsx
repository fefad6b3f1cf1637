import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Icon } from "../ui/icon.tsx";
import { approvalsQuery, questionsQuery } from "./control-queries.ts";

/** What a run asks people for: without it one that waits looks like one that hangs. */
export function WaitingApprovals({ runId }: { runId: string }) {
  const items = useQuery(approvalsQuery).data?.items ?? [];
  const waiting = items.filter(({ run_id, status }) => run_id === runId && status === "pending");
  const questions = useQuery(questionsQuery(waiting)).data;
  return waiting.map(({ approval_id, tool }) => (
    <p className="run-why" data-status="waiting" key={approval_id}>
      <Icon name="approval" /> It waits for an approval: {questions?.get(approval_id) ?? <code>{tool}</code>}{" "}
      <Link to="/approvals" hash={approval_id}>
        Answer
      </Link>
    </p>
  ));
}
