import pino, { type Logger } from "pino";

/** Structured logs on stderr, at once. What can't be written there (a full disk behind it) is lost: it must not end what it tells of. */
export function createStderrLogger(level: string, base: Record<string, string> | null = null): Logger {
  const destination = pino.destination({ fd: 2, sync: true });
  destination.on("error", () => undefined);
  return pino({ level, base }, destination);
}
