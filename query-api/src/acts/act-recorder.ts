import type { Principal } from "@runledger/contract";
import type { FastifyBaseLogger } from "fastify";
import { QueryApiError } from "../error.ts";
import { type ActRequest, actRequest } from "./act-request.ts";
import type { SendAct } from "./send-act.ts";

/** What somebody is about to do, for the log. `target` holds ids and settings, never content; at most 30 KB as JSON. */
export interface Act {
  /** `content.read`, `export.create`, `key.revoke`, … */
  action: string;
  principal: Principal;
  /** In the actor's own words; null when none were given. */
  reason: string | null;
  target: Record<string, unknown>;
}

/** The trail watches its watchers: acts become records of the same log as everybody's. */
export interface ActRecorder {
  /**
   * Resolves when the collector has acknowledged the record, which makes it durable; only then may the act be done.
   * @throws QueryApiError `unavailable` when it could not be recorded: the act must not be done.
   */
  record(act: Act): Promise<void>;
}

export interface ActRecorderDependencies {
  send: SendAct;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** In [0, 1): the jitter of retries. */
  random: () => number;
  logger: Pick<FastifyBaseLogger, "warn">;
}

/** Tries within one `record`, which somebody waits for: about two seconds of pauses. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 250;

/** Records acts through the collector. */
export function createActRecorder(dependencies: ActRecorderDependencies): ActRecorder {
  const { send, clock, random, logger } = dependencies;
  return {
    async record(act) {
      const request = actRequest(act, clock());
      for (let attempt = 1; ; attempt++) {
        try {
          return await send(request);
        } catch (error) {
          if (attempt < ATTEMPTS) await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + random() / 2));
          else throw unrecorded(act, request, error);
        }
      }
    },
  };

  function unrecorded(act: Act, { id }: ActRequest, cause: unknown): QueryApiError {
    logger.warn({ err: cause, action: act.action, id }, "an act could not be recorded, so it is refused");
    return new QueryApiError(
      "unavailable",
      `${act.action} can't be recorded just now, and what is not recorded is not done`,
      {
        hint: "the collector does not take records; /readyz and its log tell why. Try again shortly",
        cause,
      },
    );
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
