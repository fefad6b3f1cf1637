import { invalidField } from "../error.ts";
import type { ActRecorder } from "./act-recorder.ts";
import { REASON_FIELD } from "./reason.ts";

/** Refuses to record, and so to do, a read of content that nobody has given a reason for; other acts are recorded as they come. */
export function requireReason(acts: ActRecorder): ActRecorder {
  return {
    async record(act) {
      if (act.action === "content.read" && act.reason === null) {
        throw invalidField(
          REASON_FIELD,
          "say why you read this: it holds content, and here each read of content takes a reason",
          "send the header Runledger-Reason: TEXT (UTF-8); commands take RUNLEDGER_REASON",
        );
      }
      await acts.record(act);
    },
  };
}
