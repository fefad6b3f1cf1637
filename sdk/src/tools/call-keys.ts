import { createHash } from "node:crypto";

/** A call that people are asked about, as it is known in its run: their answer is for this one, and for no other. */
export interface CallKey {
  /** Where it stands: by the model's id of it, or as the nth of its like since the last checkpoint. Tells nothing of its arguments. */
  place: string;
  /** Of the place and the arguments. */
  key: string;
}

/** Gives the same keys again to a process that goes on with the run from its last checkpoint. */
export interface CallKeys {
  /** @param args JSON text. */
  next(tool: string, callId: string | undefined, args: string): CallKey;
  /** From here a later process would go on. */
  checkpoint(id: string): void;
}

/** @param from the checkpoint that the run was taken up at. */
export function createCallKeys(from = ""): CallKeys {
  let since = from;
  const counts = new Map<string, number>();
  return {
    next(tool, callId, args) {
      const call = createHash("sha256")
        .update(JSON.stringify([tool, args]))
        .digest("hex");
      const count = (counts.get(call) ?? 0) + 1;
      if (callId === undefined) counts.set(call, count);

      const place = callId === undefined ? `${since} ${count}` : `call ${callId}`;
      return { place, key: `${place} ${call}` };
    },
    checkpoint(id) {
      since = id;
      counts.clear(); // what was called before is not called again
    },
  };
}
