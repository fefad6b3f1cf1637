import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import type { Readable } from "node:stream";
import { type HeldRequest, holdHttpRequests } from "../replay/held-request.ts";
import { holdHttp2Requests } from "../replay/held-stream.ts";
import type { Scope } from "../run/scope.ts";
import { stepError } from "../run/step-error.ts";
import type { CaptureDependencies } from "./dispatcher.ts";
import type { Exchanges } from "./exchange.ts";
import type { ModelCall } from "./model-call.ts";
import { observeReadable } from "./observed-fetch.ts";
import { headersOf } from "./observed-handler.ts";
import { captureOlderHttp2 } from "./older-http2.ts";
import { type Outgoing, observeOutgoing } from "./outgoing-body.ts";

export interface NodeHttpCapture {
  /** From now on requests within a replay wait for their recorded answer, until what is returned is called. */
  replaying(): () => void;
  stop(): void;
}

/**
 * Model calls of clients on `node:http`, `node:https` and `node:http2`, found by the channels on which Node.js tells of each request (of
 * HTTP/2 since Node.js 24.2; before that by its sessions). Source: https://nodejs.org/api/diagnostics_channel.html#built-in-channels
 */
export function captureNodeHttp(dependencies: CaptureDependencies, exchanges: Exchanges): NodeHttpCapture {
  const { scopes, failures, replays } = dependencies;
  const requests = createSeenRequests(dependencies, exchanges);
  let held: ReturnType<typeof holdHttpRequests>["held"] | undefined;
  let replaysRunning = 0;
  let stopHolding = () => {};

  const listeners: Readonly<Record<string, (message: never) => void>> = {
    "http.client.request.created": ({ request }: { request: ClientRequest }) => {
      const isWhole = () => request.hasHeader("content-length");
      requests.created(request as unknown as Outgoing & Closing, headOf(request), isWhole, held?.get(request));
    },
    "http.client.response.finish": ({ request, response }: { request: ClientRequest; response: IncomingMessage }) =>
      requests.responded(request, response.statusCode, response.headers, response),
    "http.client.request.error": ({ request, error }: { request: ClientRequest; error: Error }) =>
      requests.failed(request, error),
    "http2.client.stream.created": ({ stream, headers }: { stream: ClientHttp2Stream; headers: IncomingHttpHeaders }) =>
      requests.created(stream as unknown as Outgoing & Closing, streamHeadOf(headers), () => isWhole(headers)),
    "http2.client.stream.finish": ({ stream, headers }: { stream: ClientHttp2Stream; headers: IncomingHttpHeaders }) =>
      requests.responded(stream, Number(headers[":status"]), headers, stream),
    "http2.client.stream.error": ({ stream, error }: { stream: ClientHttp2Stream; error: Error }) =>
      requests.failed(stream, error),
  };
  // A listener that throws would end the process.
  const subscribed = Object.entries(listeners).map(([name, listener]) => {
    const safe = (message: unknown) => void failures.attempt("capture", () => listener(message as never));
    subscribe(name, safe);
    return { name, safe };
  });
  const stopOlderHttp2 = captureOlderHttp2({
    created(stream, headers) {
      requests.created(stream as unknown as Outgoing & Closing, streamHeadOf(headers), () => isWhole(headers));
      return () => requests.callOf(stream);
    },
    responded: (call, headers) => call.responded(Number(headers[":status"]), headersOf(headers)),
    failures,
  });

  function hold(): () => void {
    const isHeld = (head: RequestHead) =>
      replays.getStore() !== undefined && scopes.getStore() !== undefined && exchanges.recognise(head) !== undefined;
    const http = holdHttpRequests((request) => isHeld(headOf(request)));
    const stopHttp2 = holdHttp2Requests({
      isHeld: (headers) => isHeld(streamHeadOf(headers)),
      opened: (stream, headers, waiting) =>
        requests.created(stream, streamHeadOf(headers), () => isWhole(headers), waiting),
      responded: (stream, headers) => requests.responded(stream, Number(headers[":status"]), headers, stream),
      failed: requests.failed,
      unseen: (work) => scopes.run(undefined, work),
    });
    held = http.held;
    return () => {
      http.stop();
      stopHttp2();
    };
  }
  return {
    replaying() {
      if (replaysRunning++ === 0) stopHolding = hold();
      return () => {
        if (--replaysRunning === 0) stopHolding();
      };
    },
    stop() {
      stopOlderHttp2();
      for (const { name, safe } of subscribed) unsubscribe(name, safe);
    },
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

function headOf(request: ClientRequest): RequestHead {
  const { method, path, protocol, host } = request;
  return { method, path, origin: `${protocol}//${request.getHeader("host") ?? host}` };
}

function streamHeadOf(headers: IncomingHttpHeaders): RequestHead {
  const { ":method": method = "GET", ":path": path = "/", ":scheme": scheme = "https" } = headers;
  return { method, path, origin: `${scheme}://${headers[":authority"] ?? headers.host ?? "localhost"}` };
}

function isWhole(headers: IncomingHttpHeaders): boolean {
  return "content-length" in headers;
}

/** A request seen from its creation on. */
interface Seen {
  call?: ModelCall | undefined;
  error?: unknown;
  forget?: () => void;
}

const NOT_HELD =
  "a client with a connection of its own can't be replayed: give it an agent of Node.js's, or a transport on fetch";

function createSeenRequests({ scopes, failures, replays }: CaptureDependencies, exchanges: Exchanges) {
  const seen = new WeakMap<object, Seen>();
  return {
    /** @param held within a replay: not on its way to the network. */
    created(key: Outgoing & Closing, request: RequestHead, isWhole: () => boolean, held?: HeldRequest): void {
      const scope = scopes.getStore();
      const address = scope && exchanges.recognise(request);
      if (scope === undefined || address === undefined) {
        held?.goOn();
        return;
      }
      const state: Seen = {};
      seen.set(key, state);
      const replay = replays.getStore()?.session;
      const begin = (text: string | undefined) => {
        state.call = exchanges.begin(scope, address, text);
        if (state.call !== undefined) state.forget = abortWith(scope, key);
        if (replay === undefined) return;
        if (held === undefined) return replay.unanswerable(NOT_HELD);
        const answer = exchanges.replayed(replay, address, text);
        if (answer === undefined) held.goOn();
        else held.answer(answer);
      };
      observeOutgoing(key, { isWhole, begin, failures });
      key.once("close", () => ended(state, new Error("the request was given up before its answer was read")));
    },
    responded(key: object, status: unknown, headers: object, body: Readable): void {
      const { call } = seen.get(key) ?? {};
      if (call === undefined || typeof status !== "number") return;
      call.responded(status, headersOf(headers));
      observeReadable(body, call);
    },
    callOf: (key: object): ModelCall | undefined => seen.get(key)?.call,
    failed(key: object, error: unknown): void {
      const state = seen.get(key);
      if (state !== undefined) state.error = error;
    },
  };
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
