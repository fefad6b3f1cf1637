import type { Failures } from "../failures.ts";
import type { Capture, Dispatcher } from "./dispatcher.ts";
import type { Fetch } from "./observed-fetch.ts";

export interface ModelClientDependencies {
  capture: Capture;
  observeFetch: (fetch: Fetch) => Fetch;
  failures: Failures;
}

/** A client whose calls go by a `fetch` of its own: those of OpenAI, Anthropic, Ollama and others. */
interface FetchClient {
  fetch: Fetch;
}

/**
 * What `ledger.model` makes of a client that holds its own transport: of a `fetch` function or an undici dispatcher one that is seen; a
 * client with a `fetch` is the same object, changed. Anything else comes back as it is, and that is a failure of ours to be seen in `stats()`.
 */
export function createModelClient({ capture, observeFetch, failures }: ModelClientDependencies) {
  const observed = new WeakSet<object>();

  function observe(fetch: Fetch): Fetch {
    if (observed.has(fetch)) return fetch;
    const ours = observeFetch(fetch);
    observed.add(ours);
    return ours;
  }
  return function model<Client>(client: Client): Client {
    const result = failures.attempt("capture", (): unknown => {
      if (typeof client === "function") return observe(client as unknown as Fetch);
      if (isDispatcher(client)) return capture.isObserved(client) ? client : capture.observe(client);
      if (!isFetchClient(client)) {
        throw new Error(
          "ledger.model takes a fetch function, an undici dispatcher or a client with a `fetch`; most clients are seen without it",
        );
      }
      client.fetch = observe(client.fetch);
      return client;
    });
    return (result ?? client) as Client;
  };
}

function isDispatcher(client: unknown): client is Dispatcher {
  return typeof client === "object" && client !== null && "dispatch" in client && typeof client.dispatch === "function";
}

function isFetchClient(client: unknown): client is FetchClient {
  return typeof client === "object" && client !== null && "fetch" in client && typeof client.fetch === "function";
}
