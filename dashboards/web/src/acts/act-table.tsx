import type { ListedAct } from "@runledger/contract";
import { Link } from "@tanstack/react-router";
import { RelativeTime, useNow } from "../ui/clock.tsx";

/** Acts, a line each. */
export function ActTable({ acts, loading }: { acts: ListedAct[]; loading: boolean }) {
  const nowMs = useNow();
  return (
    <table className="plain-table" aria-busy={loading}>
      <thead>
        <tr>
          {["When", "Action", "Who", "Why", "What it was done to", "In the log"].map((name) => (
            <th scope="col" key={name}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {acts.map((act) => (
          <tr key={`${act.shard}/${act.log_index}`}>
            <td>
              <RelativeTime time={act.time} nowMs={nowMs} />
            </td>
            <td>
              <code>{act.action}</code>
            </td>
            <td title={`key ${act.actor.key_id ?? "none"}; ${act.actor.roles.join(", ")}`}>{act.actor.name}</td>
            <td>{act.reason ?? "—"}</td>
            <td>
              <Target target={act.target} />
            </td>
            <td title={act.record_id}>
              {act.shard}/{act.log_index}
            </td>
          </tr>
        ))}
        {acts.length === 0 && !loading ? (
          <tr>
            <td colSpan={6} className="muted">
              Nobody did such a thing.
            </td>
          </tr>
        ) : null}
      </tbody>
    </table>
  );
}

/** A run and its step are links; all else as it is. */
function Target({ target }: { target: ListedAct["target"] }) {
  const { run_id: runId, ...others } = target;
  const rest = Object.entries(others)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => (
      <span key={name} className="act-target">
        <span className="muted">{name}</span> {typeof value === "string" ? value : JSON.stringify(value)}
      </span>
    ));
  if (typeof runId !== "string") return rest;
  return (
    <>
      <Link to="/runs/$runId" params={{ runId }} className="act-target">
        run {runId}
      </Link>
      {rest}
    </>
  );
}
