import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { plural } from "../format/number.ts";
import { approvalsQuery } from "./control-queries.ts";

/** In the navigation, with how many wait. */
export function ApprovalsLink() {
  const items = useQuery(approvalsQuery).data?.items ?? [];
  const waiting = items.filter(({ status }) => status === "pending").length;
  return (
    <Link to="/approvals">
      Approvals
      {waiting > 0 ? (
        <span className="badge" title={`${plural(waiting, "request")} waiting`}>
          {waiting}
          <span className="sr-only"> waiting</span>
        </span>
      ) : null}
    </Link>
  );
}
