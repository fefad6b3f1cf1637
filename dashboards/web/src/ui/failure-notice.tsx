import { RequestError } from "../api/request.ts";
import { Icon } from "./icon.tsx";

/** Why something could not be shown, in the API's words, and a way to try again. */
export function FailureNotice({ title, error, onRetry }: { title: string; error: Error; onRetry: () => void }) {
  const known = error instanceof RequestError ? error : null;
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
