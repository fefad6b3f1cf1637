import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Trust } from "../trust.ts";

/** Of an answer: a thousand kills with long reasons fit. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 3_000;

export interface ApiQuestion {
  method: "GET" | "POST";
  /** With its query. */
  path: string;
  body?: object;
  /** Why content is read, for the record that is kept of it; ASCII. */
  reason?: string;
  /** Until the whole answer is here. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** The query API as a running agent sees it. Never keeps a process alive; below `fetch`, so that nothing of it is captured. */
export interface ApiClient {
  /** The answer's JSON. @throws Error: nobody there, too late, no 2xx, too long, or no JSON. */
  ask(question: ApiQuestion): Promise<unknown>;
  close(): void;
}

/** An answer that came and is none of success. */
export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function createApiClient(baseUrl: string, apiKey: string | undefined, trust: Trust = {}): ApiClient {
  const isTls = new URL(baseUrl).protocol === "https:";
  const agent = isTls ? new HttpsAgent({ keepAlive: true, ...trust }) : new HttpAgent({ keepAlive: true });
  const send = isTls ? httpsRequest : httpRequest;

  function ask({ method, path, body, reason, timeoutMs, signal }: ApiQuestion): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: "application/json",
      ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      ...(reason === undefined ? {} : { "runledger-reason": reason }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    };
    const asking = send(new URL(path, baseUrl), { method, headers, agent });
    // Its own, since the signal of a request that hangs in connecting would be heard only then.
    const giveUp = (why: Error) => asking.destroy(why);
    const timer = setTimeout(() => giveUp(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs).unref();
    const onAbort = () => giveUp(new Error("given up"));
    signal?.addEventListener("abort", onAbort, { once: true });
    const ended = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    asking.on("socket", (socket) => {
      socket.unref();
      if (!socket.connecting) return;
      // A connection in the making keeps the process alive, unlike one that stands.
      const connecting = setTimeout(() => giveUp(new Error("no connection")), CONNECT_TIMEOUT_MS).unref();
      socket.once("connect", () => clearTimeout(connecting));
      socket.once("close", () => clearTimeout(connecting));
    });
    asking.on("error", (error) => {
      ended();
      reject(error);
    });
    asking.on("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > MAX_ANSWER_BYTES) giveUp(new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`));
      });
      response.on("error", (error) => {
        ended();
        reject(error);
      });
      response.on("end", () => {
        ended();
        try {
          resolve(answerOf(response.statusCode ?? 0, Buffer.concat(chunks).toString("utf8")));
        } catch (error) {
          reject(error);
        }
      });
    });
    asking.end(text);
    if (signal?.aborted) onAbort();
    return promise;
  }
  return { ask, close: () => agent.destroy() };
}

/** @throws Error when it is no success, or no JSON. */
function answerOf(status: number, text: string): unknown {
  if (status < 200 || status > 299) {
    throw new ApiRefusal(status, `the query API answered ${status}: ${text.slice(0, MAX_TEXT_SHOWN)}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error("what answers is no query API: no JSON", { cause });
  }
}
const MAX_TEXT_SHOWN = 200;
