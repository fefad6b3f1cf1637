import { RequestError } from "../api/request.ts";
import { Icon } from "../ui/icon.tsx";

const FORBIDDEN = 403;

/** The key that this page is seen with may not see content: nothing has failed, and trying again is of no use. */
export function isWithheld(error: Error): boolean {
  return error instanceof RequestError && error.status === FORBIDDEN;
}

export function WithheldContent({ error }: { error: Error }) {
  return (
    <div className="pending" role="status">
      <Icon name="alert" />
      <div>
        <strong>Your key shows the facts of this step, not its content.</strong>
        <p className="muted">{error.message}</p>
        {error instanceof RequestError && error.hint !== null ? <p className="muted">{error.hint}</p> : null}
      </div>
    </div>
  );
}
