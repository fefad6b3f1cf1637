import { useEffect, useState } from "react";
import { ago, exactTime } from "../format/time.ts";

const TICK_MS = 1_000;

/** Milliseconds since the epoch, once a second; stands still when `running` is false. */
export function useNow(running = true): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  return nowMs;
}

/** "4 m ago", with the exact time on hover and for machines. */
export function RelativeTime({ time, nowMs }: { time: string; nowMs: number }) {
  return (
    <time dateTime={time} title={`${exactTime(time)}\n${time}`}>
      {ago(time, nowMs)}
    </time>
  );
}
