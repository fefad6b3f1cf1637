import type { StepDetail } from "@runledger/contract";
import { exactTime } from "../format/time.ts";

/** Why a step's content, or a part of it, can't be shown any more. */
export function GoneContent({ step }: { step: StepDetail }) {
  if (step.content === "erased") {
    const { by, time, reason, log_index } = step.erased ?? { by: null, time: null, reason: null, log_index: null };
    return (
      <p className="pending" role="status">
        Erased{by === null ? "" : ` by ${by}`}
        {time === null ? "" : `, ${exactTime(time)}`}
        {log_index === null ? "" : `, entry ${log_index} of the log`}
        {reason === null ? "." : `: ${reason}`}
      </p>
    );
  }
  if (step.content === "expired") {
    return (
      <p className="pending" role="status">
        The content has expired: its time was over, and its key is destroyed.
      </p>
    );
  }
  if (step.content !== "sealed") return null;
  return (
    <p className="step-error" role="alert">
      The content is sealed, and its key is not here, though no erasure is recorded.
    </p>
  );
}
