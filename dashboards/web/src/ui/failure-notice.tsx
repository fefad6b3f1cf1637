import { RequestError } from "../api/request.ts";
import { asksForReason, ReasonPrompt } from "../reason/reason-prompt.tsx";
import { Icon } from "./icon.tsx";

/** Why something could not be shown, in the API's words, and a way to try again; where the API asks for a reason, a place for it. */
export function FailureNotice({ title, error, onRetry }: { title: string; error: Error; onRetry: () => void }) {
  const known = error instanceof RequestError ? error : null;
  if (asksForReason(known)) return <ReasonPrompt />;
  return (
    <div className="failure" role="alert">
      <Icon name="alert" />
      <div>
        <strong>{title}</strong>
        <p>{error.message}</p>
        {known?.fields.map(({ field, message }) => (
          <p key={`${field} ${message}`}>
            <code>{field}</code>: {message}
          </p>
        ))}
        {known?.hint ? <p className="muted">{known.hint}</p> : null}
      </div>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}
