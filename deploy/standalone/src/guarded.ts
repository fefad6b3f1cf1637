import { VERDICT_EXIT_CODES } from "@runledger/contract";
import { UnreadableError } from "@runledger/verify";
import type { Console } from "./program.ts";
import { SettingsError } from "./settings-error.ts";

export const UNREADABLE_EXIT_CODE = VERDICT_EXIT_CODES.UNREADABLE;

/** A failure becomes one clear message and exit code 1; its stack only where someone asks for it. */
export function guarded<Arguments extends unknown[]>(console: Console, act: (...args: Arguments) => Promise<void>) {
  return async (...args: Arguments) => {
    try {
      await act(...args);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      console.stderr.write(`${message}\n`);
      if (console.env["RUNLEDGER_LOG_LEVEL"] === "debug" && !(error instanceof SettingsError)) {
        console.stderr.write(`${error instanceof Error ? error.stack : ""}\n`);
      }
      console.exit(error instanceof UnreadableError ? UNREADABLE_EXIT_CODE : 1);
    }
  };
}
