import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import type { Readable } from "node:stream";
import type { Scope } from "../run/scope.ts";
import { stepError } from "../run/step-error.ts";
import type { CaptureDependencies } from "./dispatcher.ts";
import type { Exchanges } from "./exchange.ts";
import type { ModelCall } from "./model-call.ts";
import { observeReadable } from "./observed-fetch.ts";
import { headersOf } from "./observed-handler.ts";
import { type Outgoing, observeOutgoing } from "./outgoing-body.ts";

/** A request seen from its creation on. */
interface Seen {
  call?: ModelCall;
  error?: unknown;
  forget?: () => void;
}

/**
 * Model calls of clients on `node:http`, `node:https` and `node:http2`, found by the channels on which Node.js tells of each request (of
 * HTTP/2 since Node.js 24.2). Source: https://nodejs.org/api/diagnostics_channel.html#built-in-channels
 */
export function captureNodeHttp(dependencies: CaptureDependencies, exchanges: Exchanges): () => void {
  const { scopes, failures, replays } = dependencies;
  const seen = new WeakMap<object, Seen>();

  function created(key: Outgoing & Closing, request: RequestHead, isWhole: () => boolean): void {
    const scope = scopes.getStore();
    const address = scope && exchanges.recognise(request);
    if (scope === undefined || address === undefined) return;
    const state: Seen = {};
    const replay = replays.getStore()?.session;
    if (replay !== undefined && replay.divergence === undefined) {
      // What is on its way to the network can't be given an answer of ours.
      const why = "a client on node:http can't be replayed: give it a transport on fetch";
      key.destroy(new Error(`runledger: ${why}`));
    }
    seen.set(key, state);
    const begin = (text: string | undefined) => {
      const call = exchanges.begin(scope, address, text);
      if (call === undefined) return;
      state.call = call;
      state.forget = abortWith(scope, key);
    };
    observeOutgoing(key, { isWhole, begin, failures });
    key.once("close", () => ended(state, new Error("the request was given up before its answer was read")));
  }
  function responded(key: object, status: unknown, headers: object, body: Readable): void {
    const { call } = seen.get(key) ?? {};
    if (call === undefined || typeof status !== "number") return;
    call.responded(status, headersOf(headers));
    observeReadable(body, call);
  }
  function failed(key: object, error: unknown): void {
    const state = seen.get(key);
    if (state !== undefined) state.error = error;
  }

  const listeners: Readonly<Record<string, (message: never) => void>> = {
    "http.client.request.created": ({ request }: { request: ClientRequest }) => {
      const { method, path, protocol } = request;
      const origin = `${protocol}//${request.getHeader("host") ?? request.host}`;
      created(request as unknown as Outgoing & Closing, { method, path, origin }, () =>
        request.hasHeader("content-length"),
      );
    },
    "http.client.response.finish": ({ request, response }: { request: ClientRequest; response: IncomingMessage }) =>
      responded(request, response.statusCode, response.headers, response),
    "http.client.request.error": ({ request, error }: { request: ClientRequest; error: Error }) =>
      failed(request, error),
    "http2.client.stream.created": ({
      stream,
      headers,
    }: {
      stream: ClientHttp2Stream;
      headers: IncomingHttpHeaders;
    }) => {
      const { ":method": method = "GET", ":path": path = "/", ":scheme": scheme = "https" } = headers;
      const origin = `${scheme}://${headers[":authority"] ?? headers.host ?? "localhost"}`;
      created(stream as unknown as Outgoing & Closing, { method, path, origin }, () => "content-length" in headers);
    },
    "http2.client.stream.finish": ({ stream, headers }: { stream: ClientHttp2Stream; headers: IncomingHttpHeaders }) =>
      responded(stream, Number(headers[":status"]), headers, stream),
    "http2.client.stream.error": ({ stream, error }: { stream: ClientHttp2Stream; error: Error }) =>
      failed(stream, error),
  };
  // A listener that throws would end the process.
  const subscribed = Object.entries(listeners).map(([name, listener]) => {
    const safe = (message: unknown) => void failures.attempt("capture", () => listener(message as never));
    subscribe(name, safe);
    return { name, safe };
  });
  return () => {
    for (const { name, safe } of subscribed) unsubscribe(name, safe);
  };
}

interface RequestHead {
  method: string;
  path: string;
  origin: string;
}
interface Closing {
  once(event: "close", listener: () => void): unknown;
}

function ended({ call, error, forget }: Seen, otherwise: Error): void {
  forget?.();
  call?.finish(stepError(error ?? otherwise));
}

/** @returns stops listening. */
function abortWith({ guard: { signal } }: Scope, request: Outgoing): () => void {
  const abort = () => void request.destroy(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  return () => signal?.removeEventListener("abort", abort);
}
