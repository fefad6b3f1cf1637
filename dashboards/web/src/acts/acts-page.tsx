import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { RANGES } from "../runs/run-search.ts";
import { FailureNotice } from "../ui/failure-notice.tsx";
import { usePageTitle } from "../ui/page-title.ts";
import { ActTable } from "./act-table.tsx";
import { actsQuery } from "./acts-query.ts";
import { ACTIONS, readActsSearch } from "./acts-search.ts";

/** The trail's watchers: who read, exported, stopped, answered, erased or changed what, and why. */
export function ActsPage() {
  usePageTitle("Acts");
  const search = useSearch({ from: "/acts" });
  const navigate = useNavigate({ from: "/acts" });
  const acts = useInfiniteQuery(actsQuery(search));
  const change = (name: string, value: string) =>
    void navigate({ search: (previous) => readActsSearch({ ...previous, [name]: value }), replace: true });
  const items = acts.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="page acts-page">
      <div className="page-head">
        <h1>Acts</h1>
        <Choice
          label="Action"
          value={search.action ?? ""}
          options={[["", "Any"], ...ACTIONS.map((action): [string, string] => [action, action])]}
          onChange={(value) => change("action", value)}
        />
        <label className="filter">
          <span>Actor</span>
          <input
            type="search"
            size={26}
            placeholder="name or key id"
            defaultValue={search.actor ?? ""}
            onKeyDown={(event) => event.key === "Enter" && change("actor", event.currentTarget.value.trim())}
            onBlur={(event) => change("actor", event.currentTarget.value.trim())}
          />
        </label>
        <Choice
          label="When"
          value={search.range ?? ""}
          options={[
            ["", "Ever"],
            ...RANGES.filter(({ value }) => value !== "all").map(({ value, label }): [string, string] => [
              value,
              label,
            ]),
          ]}
          onChange={(value) => change("range", value)}
        />
      </div>
      <p className="muted">
        What people and keys do here is a record of the same log as what agents do. Each has its place there.
      </p>
      {acts.error ? (
        <FailureNotice title="Acts could not be loaded" error={acts.error} onRetry={() => void acts.refetch()} />
      ) : (
        <ActTable acts={items} loading={acts.isPending} />
      )}
      {acts.hasNextPage ? (
        <button
          type="button"
          className="button"
          disabled={acts.isFetchingNextPage}
          onClick={() => void acts.fetchNextPage()}
        >
          Older ones
        </button>
      ) : null}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: [string, string][];
  onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label className="filter">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
