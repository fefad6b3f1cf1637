import { useEffect, useRef, useState } from "react";
import { useReason, withReason } from "../reason/reason.ts";

export type LiveState = "connecting" | "live" | "polling";

export interface LiveSource {
  /** An event stream at this origin; null: nothing to follow. */
  url: string | null;
  /** What to do with an event's data, by event name. */
  events: Record<string, (data: unknown) => void>;
  /** Fetches what the stream would have told. Also called when a stream comes back, for what was missed. */
  poll: (signal: AbortSignal) => Promise<void>;
}

const POLL_EVERY_MS = 3_000;
const RECONNECT_AFTER_MS = 10_000;

/** Follows an event stream; while there is none, polls, and tries the stream again every now and then. */
export function useLive({ url, events, poll }: LiveSource): LiveState {
  const [state, setState] = useState<LiveState>("connecting");
  const latest = useRef({ events, poll });
  useEffect(() => {
    latest.current = { events, poll };
  }, [events, poll]);
  const reason = useReason();
  const names = Object.keys(events).join(" ");
  useEffect(() => {
    if (url === null) return;
    return follow(withReason(url, reason), names.split(" "), () => latest.current, setState);
  }, [url, reason, names]);
  return state;
}

function follow(
  url: string,
  names: string[],
  source: () => Pick<LiveSource, "events" | "poll">,
  setState: (state: LiveState) => void,
): () => void {
  const stopped = new AbortController();
  let stream: EventSource | null = null;
  let polling: ReturnType<typeof setTimeout> | undefined;
  let reconnecting: ReturnType<typeof setTimeout> | undefined;
  let missed = false;

  const pollOnce = () =>
    source()
      .poll(stopped.signal)
      // The page's own queries show why the server can't be reached; polling only goes on trying.
      .catch(() => undefined);
  const pollOn = async () => {
    await pollOnce();
    if (!stopped.signal.aborted && polling !== undefined) polling = setTimeout(() => void pollOn(), POLL_EVERY_MS);
  };
  const connect = () => {
    stream = new EventSource(url);
    stream.onopen = () => {
      setState("live");
      clearTimeout(polling);
      polling = undefined;
      if (missed) void pollOnce();
      missed = false;
    };
    for (const name of names) {
      stream.addEventListener(name, (event) => {
        const data: unknown = parse(event.data);
        if (data !== undefined) source().events[name]?.(data);
      });
    }
    stream.onerror = () => {
      missed = true;
      setState("polling");
      polling ??= setTimeout(() => void pollOn(), 0);
      // A broken stream the browser opens again by itself; a refused one is ours to try again.
      if (stream?.readyState === EventSource.CLOSED) reconnecting = setTimeout(connect, RECONNECT_AFTER_MS);
    };
  };
  connect();
  return () => {
    stopped.abort();
    stream?.close();
    clearTimeout(polling);
    clearTimeout(reconnecting);
    polling = undefined;
  };
}

function parse(text: unknown): unknown {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
