import { type Capture, type CaptureDependencies, createCapture, type Dispatcher } from "./dispatcher.ts";
import { createExchanges } from "./exchange.ts";
import { createModelClient } from "./model-client.ts";
import { captureNodeHttp } from "./node-http.ts";
import { observeFetch } from "./observed-fetch.ts";

/** Where undici's copies in a process, Node.js's own and an installed one's, look at each request; the second since version 8. */
const GLOBAL_DISPATCHERS = [Symbol.for("undici.globalDispatcher.1"), Symbol.for("undici.globalDispatcher.2")];

export interface Installation {
  /** Puts the capture in front again where somebody has set a dispatcher of theirs since. */
  renew(): void;
  /** Gives back what is still as we left it; where somebody is in front of us since, we stay below and only pass on. */
  remove(): void;
  /** Called when a replay begins; what it returns, when it ends. */
  replaying(): () => void;
  /** For clients that hold a transport of their own. */
  model: ReturnType<typeof createModelClient>;
}

/** Puts the capture in front of what `fetch` sends with, and listens to `node:http` and `node:http2`. */
export function installCapture(dependencies: CaptureDependencies): Installation {
  const { failures } = dependencies;
  const exchanges = createExchanges(failures);
  const capture = createCapture(dependencies, exchanges);
  const places = globalThis as unknown as Record<symbol, Dispatcher | undefined>;
  const found = new Map<symbol, { below: Dispatcher; ours: Dispatcher }>();
  let removed = false;

  function renew(): void {
    if (removed) return;
    for (const place of GLOBAL_DISPATCHERS) {
      const below = places[place];
      if (below === undefined || capture.isObserved(below)) continue;
      const ours = capture.observe(below);
      places[place] = ours;
      found.set(place, { below, ours });
    }
    if (found.size === 0) throw new Error("this Node.js has no global dispatcher: model calls are not seen");
  }
  // Node.js makes its dispatcher when `fetch` or one of its classes is first touched.
  Reflect.get(globalThis, "Response");
  failures.attempt("capture", renew);
  const removeFetch = observeOwnDispatchers(capture);
  const nodeHttp = captureNodeHttp(dependencies, exchanges);

  return {
    renew: () => failures.attempt("capture", renew),
    remove() {
      removed = true;
      capture.stop();
      for (const [place, { below, ours }] of found) if (places[place] === ours) places[place] = below;
      removeFetch();
      nodeHttp.stop();
    },
    replaying: nodeHttp.replaying,
    model: createModelClient({
      capture,
      failures,
      observeFetch: (fetch) => observeFetch(fetch, dependencies, exchanges),
    }),
  };
}

/** A call with a dispatcher of its own (a proxy's) never asks the global one: it is found here, where it is handed over. */
function observeOwnDispatchers(capture: Capture): () => void {
  const original = globalThis.fetch;
  function fetch(this: unknown, ...args: Parameters<typeof original>): ReturnType<typeof original> {
    const [input, init] = args;
    if (!init?.dispatcher) return Reflect.apply(original, this, args);
    const dispatcher = capture.observe(init.dispatcher as unknown as Dispatcher);
    return Reflect.apply(original, this, [input, { ...init, dispatcher }]);
  }
  globalThis.fetch = fetch;
  return () => {
    if (globalThis.fetch === fetch) globalThis.fetch = original;
  };
}
