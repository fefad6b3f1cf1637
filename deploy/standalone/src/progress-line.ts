import type { Console } from "./program.ts";

/** One line on a terminal that tells how far something is; nothing into a pipe. */
export interface ProgressLine {
  /** `share` in [0, 1]; null: not known. */
  show(what: string, share: number | null): void;
  clear(): void;
}

const WIDTH = 30;
const EVERY_MS = 100;

export function progressLine({ stderr }: Pick<Console, "stderr">): ProgressLine {
  const isTerminal = stderr.isTTY === true;
  let shownAt = Number.NEGATIVE_INFINITY;
  return {
    show(what, share) {
      const now = performance.now();
      if (!isTerminal || now - shownAt < EVERY_MS) return;
      shownAt = now;
      const done = Math.round((share ?? 0) * WIDTH);
      const bar =
        share === null
          ? ""
          : `${"█".repeat(done)}${"░".repeat(WIDTH - done)} ${String(Math.floor(share * 100)).padStart(3)} % `;
      stderr.write(`\r\u001b[K  ${bar}${what}`);
    },
    clear() {
      if (isTerminal) stderr.write("\r\u001b[K");
    },
  };
}
