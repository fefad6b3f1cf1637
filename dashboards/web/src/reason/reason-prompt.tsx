import { useId } from "react";
import { RequestError } from "../api/request.ts";
import { Icon } from "../ui/icon.tsx";
import { MAX_LOOKING_CHARS, REASON_FIELD, useSetReason } from "./reason.ts";

/** What is asked for may be seen for a reason only, or the one that was given is none. */
export function asksForReason(error: unknown): boolean {
  return error instanceof RequestError && error.fields.some(({ field }) => field === REASON_FIELD);
}

/** In place of content that nothing keeps from being shown but that nobody has said why. */
export function ReasonPrompt() {
  const setReason = useSetReason();
  const id = useId();
  return (
    <form
      className="reason-prompt"
      onSubmit={(event) => {
        event.preventDefault();
        setReason(String(new FormData(event.currentTarget).get("reason") ?? ""));
      }}
    >
      <label htmlFor={id}>
        <Icon name="search" /> Why are you looking?
      </label>
      <p className="muted">This holds content. Each read of content is on record: who, what, and why.</p>
      <div>
        <input id={id} name="reason" required maxLength={MAX_LOOKING_CHARS} autoComplete="off" />
        <button type="submit" className="button">
          Look
        </button>
      </div>
    </form>
  );
}
