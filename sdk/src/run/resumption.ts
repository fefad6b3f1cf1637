import type { Checkpoint, Progress } from "./checkpoint.ts";

/** A run that an earlier process has begun: taken up by the first wrapped agent that is called. */
export interface Resumption {
  checkpoint: Checkpoint;
  progress: Progress;
  taken: boolean;
}
