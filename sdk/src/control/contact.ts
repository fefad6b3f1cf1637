/** idle: no agent runs. connecting: not heard, or not any more. lost: so for `controlLostAfterMs`. */
export type ControlStanding = "idle" | "connecting" | "connected" | "lost";

/** Whether the query API is heard, and since when it is not. */
export interface Contact {
  /** Somebody needs it from now on. */
  begin(): void;
  heard(): void;
  failed(): void;
  /** Nobody needs it any more. */
  end(): void;
  standing(): ControlStanding;
  /** Milliseconds. */
  unreachableMs(): number;
}

/** @param now milliseconds that never go back. @param onLost once each time that contact is lost. */
export function createContact(
  { now, onLost }: { now: () => number; onLost: () => void },
  lostAfterMs: number,
): Contact {
  let standing: ControlStanding = "idle";
  let sinceMs = 0;
  let timer: NodeJS.Timeout | undefined;

  function connecting(): void {
    standing = "connecting";
    sinceMs = now();
    timer = setTimeout(() => {
      standing = "lost";
      onLost();
    }, lostAfterMs).unref();
  }
  function become(next: ControlStanding): void {
    clearTimeout(timer);
    standing = next;
  }
  return {
    begin() {
      if (standing === "idle") connecting();
    },
    heard: () => become("connected"),
    failed() {
      if (standing === "connected") connecting();
    },
    end: () => become("idle"),
    standing: () => standing,
    unreachableMs: () => (standing === "connected" || standing === "idle" ? 0 : Math.round(now() - sinceMs)),
  };
}
