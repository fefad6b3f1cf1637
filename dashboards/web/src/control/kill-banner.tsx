import type { Kill } from "@runledger/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { sendJson } from "../api/request.ts";
import { plural } from "../format/number.ts";
import { RelativeTime, useNow } from "../ui/clock.tsx";
import { Icon } from "../ui/icon.tsx";
import { KILLS_KEY, killsQuery } from "./control-queries.ts";
import { scopeWords } from "./scope-words.ts";

const SHOWN = 2;

/** The kills in force, above every page: whoever wonders why agents don't run sees it, and can end it. */
export function KillBanner() {
  const kills = useQuery(killsQuery).data?.items ?? [];
  const [all, setAll] = useState(false);
  const nowMs = useNow();
  const hidden = kills.length - SHOWN;
  return (
    <div className="kill-banner" role="status" data-empty={kills.length === 0}>
      {kills.length > 0 ? (
        <section aria-label="Kills in force">
          <ul>
            {(all ? kills : kills.slice(0, SHOWN)).map((kill) => (
              <KillLine key={kill.kill_id} kill={kill} nowMs={nowMs} />
            ))}
          </ul>
          {hidden > 0 ? (
            <button type="button" className="link-button" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? "Show fewer" : `${plural(hidden, "more kill")} in force`}
            </button>
          ) : null}
        </section>
      ) : null}
    </div>
  );
}

function KillLine({ kill, nowMs }: { kill: Kill; nowMs: number }) {
  const client = useQueryClient();
  const lift = useMutation({
    mutationFn: () => sendJson<Kill>("DELETE", `/v1/kill/${encodeURIComponent(kill.kill_id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: KILLS_KEY }),
  });
  const what = scopeWords(kill.scope);
  return (
    <li>
      <Icon name="killed" />
      <strong>Killed: {what}</strong>
      <span className="kill-why">
        {kill.reason} <span className="muted">by {kill.by}</span>
      </span>
      <span className="muted">
        <RelativeTime time={kill.time} nowMs={nowMs} />
      </span>
      {lift.error ? (
        <span className="bad" role="alert">
          {lift.error.message}
        </span>
      ) : null}
      <button
        type="button"
        className="button"
        aria-label={`Lift the kill of ${what}`}
        disabled={lift.isPending}
        onClick={() => lift.mutate()}
      >
        Lift
      </button>
    </li>
  );
}
