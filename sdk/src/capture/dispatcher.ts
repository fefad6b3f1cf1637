import type { AsyncLocalStorage } from "node:async_hooks";
import type { Failures } from "../failures.ts";
import { answerHandler } from "../replay/recorded-answer.ts";
import type { ReplaySession } from "../replay/replay-session.ts";
import type { ReplayContexts } from "../replay/replays.ts";
import type { Scope } from "../run/scope.ts";
import type { Exchanges, ModelAddress } from "./exchange.ts";
import { failHandler, type Handler, observeHandler } from "./observed-handler.ts";
import { readAhead } from "./request-body.ts";

/** What Node.js's `fetch` and undici send requests with. Source: https://undici.nodejs.org/#/docs/api/Dispatcher */
export interface Dispatcher {
  dispatch(options: DispatchOptions, handler: Handler): boolean;
}
export interface DispatchOptions {
  origin?: string | URL | null;
  path: string;
  method: string;
  body?: unknown;
  headers?: unknown;
}

export interface CaptureDependencies {
  /** The wrapped agent that a caller is part of; undefined below us, so that nothing is captured twice. */
  scopes: AsyncLocalStorage<Scope | undefined>;
  failures: Failures;
  /** Within a replay its calls are answered from the recorded run. */
  replays: ReplayContexts;
}

export interface Capture {
  /** The same dispatcher, the model calls of wrapped agents through it recorded and held to their limits. */
  observe(dispatcher: Dispatcher): Dispatcher;
  /** Is this one of ours, or does one of ours sit right below our like? */
  isObserved(dispatcher: Dispatcher): boolean;
  /** From now on all it made only pass on. */
  stop(): void;
}

/** Where one of ours, of any ledger or copy of this package, tells who made it and what is below. */
const OURS = Symbol.for("runledger.dispatcher");
interface Marked {
  [OURS]?: { capture: object; below: Dispatcher };
}

/** What a dispatcher makes out of `this.dispatch` is to find ours; the rest may have private fields, and gets what it knows. */
const UNBOUND: ReadonlySet<PropertyKey> = new Set(
  "request stream pipeline connect upgrade compose constructor".split(" "),
);

/**
 * Model calls are seen where they leave for the network: every `fetch` ends here, whoever holds it since when, and the
 * caller's request, response and errors are the very objects they would be without us. It differs in one thing: past
 * a limit the call is refused with AgentStopped as its cause, and the wall clock aborts it.
 */
export function createCapture({ scopes, failures, replays }: CaptureDependencies, exchanges: Exchanges): Capture {
  let active = true;

  function observe(below: Dispatcher): Dispatcher {
    const passOn: Dispatcher["dispatch"] = (options, handler) =>
      scopes.run(undefined, () => below.dispatch(options, handler));
    function dispatch(options: DispatchOptions, handler: Handler): boolean {
      const scope = active ? scopes.getStore() : undefined;
      const address = scope && failures.attempt("capture", () => exchanges.recognise(options));
      if (scope === undefined || address === undefined) return below.dispatch(options, handler);
      void send({ scope, address, options, handler, passOn, exchanges, failures, replay: replays.getStore()?.session });
      return true;
    }
    const mark = { capture, below };
    return new Proxy(below, {
      get(target, key) {
        if (key === "dispatch") return dispatch;
        if (key === OURS) return mark;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" && !UNBOUND.has(key) ? value.bind(target) : value;
      },
    });
  }

  const capture: Capture = {
    observe,
    isObserved(dispatcher) {
      let mark = (dispatcher as Marked)[OURS];
      while (mark !== undefined && mark.capture !== capture) mark = (mark.below as Marked)[OURS];
      return mark !== undefined;
    },
    stop() {
      active = false;
    },
  };
  return capture;
}

interface Sending {
  scope: Scope;
  address: ModelAddress;
  options: DispatchOptions;
  handler: Handler;
  passOn: Dispatcher["dispatch"];
  exchanges: Exchanges;
  failures: Failures;
  replay: ReplaySession | undefined;
}

/** Never rejects: what goes wrong from here on is told to the handler, as a failed connection is. */
async function send({ scope, address, options, handler, passOn, exchanges, failures, replay }: Sending): Promise<void> {
  const ahead = await readAhead(options, failures);
  let observed: Handler | undefined;
  try {
    const call = exchanges.begin(scope, address, ahead.text);
    const { guard } = scope;
    observed = call && failures.attempt("capture", () => observeHandler(handler, { call, guard, failures }));
    const answer = replay && exchanges.replayed(replay, address, ahead.text);
    if (answer !== undefined) answerHandler(observed ?? handler, answer);
    else passOn({ ...options, body: ahead.body }, observed ?? handler);
  } catch (error) {
    failHandler(observed ?? handler, error);
  }
}
