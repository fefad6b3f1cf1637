import type { Act, ActRecorder } from "../acts/act-recorder.ts";
import { QueryApiError } from "../error.ts";

/** A recorder that keeps what it is told, and refuses on demand. */
export interface RecordedActs extends ActRecorder {
  readonly recorded: Act[];
  /** From now on nothing can be recorded, or it can again. */
  refuse(refusing: boolean): void;
}

export function createRecordedActs(): RecordedActs {
  const recorded: Act[] = [];
  let refusing = false;
  const record = async (act: Act) => {
    if (refusing) throw new QueryApiError("unavailable", `${act.action} can't be recorded`);
    recorded.push(act);
  };
  return {
    recorded,
    record,
    refuse: (now) => {
      refusing = now;
    },
  };
}
