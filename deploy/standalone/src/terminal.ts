import { visibleText } from "@runledger/verify";

/** What our own lines begin with that are written over (progress-line.ts). */
const REWRITTEN_LINE = "\r\u001b[K";
const ESCAPE = "\u001b";
/** Colours, ends of lines and tabs pass; whatever else moves the cursor, rings, deletes, or is not seen does not. */
const PASSING = new RegExp(`(${ESCAPE}\\[[\\d;]*m|[\\n\\t])`);

/**
 * Agents name themselves, and bundles come from anybody: on a terminal control characters in what they say are shown, not obeyed. Into a pipe
 * all goes as it is; who closes the pipe early (`| head`) ends no command.
 */
export function guardTerminal(streams: Pick<NodeJS.Process, "stdout" | "stderr">): void {
  for (const stream of [streams.stdout, streams.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
    if (stream.isTTY !== true) continue;
    const write = stream.write.bind(stream) as (chunk: unknown, ...rest: unknown[]) => boolean;
    stream.write = (chunk: unknown, ...rest: unknown[]) =>
      write(typeof chunk === "string" ? printable(chunk) : chunk, ...rest);
  }
}

/** The text with what is not seen as `visibleText` shows it. */
export function printable(text: string): string {
  const start = text.startsWith(REWRITTEN_LINE) ? REWRITTEN_LINE : "";
  const shown = text
    .slice(start.length)
    .split(PASSING)
    .map((part, i) => (i % 2 === 0 ? visibleText(part) : part))
    .join("");
  return start + shown;
}
