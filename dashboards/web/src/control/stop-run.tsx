import type { Kill, KillScope, Run } from "@runledger/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { sendJson } from "../api/request.ts";
import { ActDialog } from "../ui/act-dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { KILLS_KEY } from "./control-queries.ts";
import { MAX_REASON_CHARS } from "./reason-length.ts";
import { scopeWords } from "./scope-words.ts";

/** The stop button of a run that goes on. What is stopped, and why, is asked for before anything happens. */
export function StopRun({ run, small = false }: { run: Run; small?: boolean }) {
  const [open, setOpen] = useState(false);
  const name = run.agent.name ?? "unnamed agent";
  return (
    <>
      <button
        type="button"
        className={small ? "icon-button row-stop" : "button button-stop"}
        title={`Stop ${name}`}
        aria-label={small ? `Stop ${name}, run ${run.run_id}` : `Stop ${name}`}
        onClick={() => setOpen(true)}
      >
        <Icon name="stopped" />
        {small ? null : "Stop"}
      </button>
      {open ? <StopDialog run={run} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function StopDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const scopes = scopesOf(run);
  const [chosen, setChosen] = useState(0);
  const [reason, setReason] = useState("");
  const reasonId = useId();
  const client = useQueryClient();
  const kill = useMutation({
    mutationFn: (body: { scope: KillScope; reason: string }) => sendJson<Kill>("POST", "/v1/kill", body),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: KILLS_KEY });
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    const scope = scopes[chosen];
    if (scope !== undefined) kill.mutate({ scope, reason });
  };
  return (
    <ActDialog title={`Stop ${run.agent.name ?? "this agent"}?`} onClose={onClose} error={kill.error}>
      <form onSubmit={send}>
        <fieldset>
          <legend>What</legend>
          {scopes.map((scope, i) => (
            <label key={scopeWords(scope)} className="choice">
              <input type="radio" name="scope" checked={i === chosen} onChange={() => setChosen(i)} />
              {scopeWords(scope)}
            </label>
          ))}
        </fieldset>
        <label htmlFor={reasonId}>Why (the agent is told, and the log keeps it)</label>
        <textarea
          id={reasonId}
          required
          rows={2}
          maxLength={MAX_REASON_CHARS}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        <p className="muted">
          Its next call is refused, running ones are aborted, and new runs are refused until the kill is lifted.
        </p>
        <div className="dialog-acts">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-danger" disabled={kill.isPending}>
            {kill.isPending ? "Stopping…" : "Stop"}
          </button>
        </div>
      </form>
    </ActDialog>
  );
}

/** The narrowest first. */
function scopesOf(run: Run): KillScope[] {
  return [
    { run_id: run.run_id },
    ...(run.session_id === null ? [] : [{ session: run.session_id }]),
    ...(run.agent.name === null ? [] : [{ agent: run.agent.name }]),
    ...(run.task_type === null ? [] : [{ task_type: run.task_type }]),
  ];
}
