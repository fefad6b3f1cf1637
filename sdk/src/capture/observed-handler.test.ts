import { afterEach, beforeEach, expect, test } from "vitest";
import { chunk, completion, type ModelServer, sendJson, startModelServer } from "../testing/model-server.ts";
import { createRecordedLedger, type RecordedLedger } from "../testing/recorded-ledger.ts";
import type { Dispatcher } from "./dispatcher.ts";

const PLACE = Symbol.for("undici.globalDispatcher.1");
const places = globalThis as unknown as Record<symbol, Dispatcher>;
const current = () => places[PLACE] as Dispatcher;

let recorded: RecordedLedger;
let server: ModelServer | undefined;
let original: Dispatcher;
beforeEach(async () => {
  await fetch("data:,");
  original = current();
  recorded = createRecordedLedger();
});
afterEach(async () => {
  await recorded.ledger.shutdown();
  places[PLACE] = original;
  await server?.close();
  server = undefined;
});

const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "Hello" }] });
const post = (signal?: AbortSignal) =>
  fetch(`${server?.baseUrl}/chat/completions`, { method: "POST", body, ...(signal ? { signal } : {}) });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test("a call that the agent aborts before the answer fails as without us, and is recorded as aborted", async () => {
  const asked = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  server = await startModelServer((response) => {
    response.on("close", () => closed.resolve());
    asked.resolve();
  });
  const controller = new AbortController();
  void asked.promise.then(() => controller.abort());
  const error = await recorded.ledger.wrap(() => failure(post(controller.signal)), { agent: "a" })();
  await closed.promise;
  expect(error).toBe(controller.signal.reason);
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["error.type"]).toBe("AbortError");
});

test("a call that is aborted before it is sent never is", async () => {
  server = await startModelServer((response) => sendJson(response, completion("Hi!")));
  const controller = new AbortController();
  const agent = recorded.ledger.wrap(
    async () => {
      const answer = failure(post(controller.signal));
      controller.abort(new Error("changed my mind"));
      return await answer;
    },
    { agent: "a" },
  );
  expect(await agent()).toBe(controller.signal.reason);
  expect(server.bodies).toHaveLength(0);
});

test("the wall clock aborts a call that waits, one that streams, and one that has no connection yet", async () => {
  let request = 0;
  server = await startModelServer((response) => {
    if (request++ === 1)
      response.writeHead(200, { "content-type": "text/event-stream" }).write(chunk({ content: "x" }));
  });
  const wrap = (work: () => Promise<unknown>) => recorded.ledger.wrap(work, { agent: "a", limits: { wallMs: 1_000 } });
  const stopped = { name: "AgentStopped", limit: "wall_ms" };
  await expect(wrap(post)()).rejects.toMatchObject(stopped);
  await expect(wrap(async () => await (await post()).text())()).rejects.toMatchObject(stopped);
  places[PLACE] = { dispatch: () => true };
  await expect(wrap(post)()).rejects.toMatchObject(stopped);
  const calls = await recorded.steps("llm");
  expect(calls.map((call) => call.attributes["error.type"])).toEqual(["AgentStopped", "AgentStopped", "AgentStopped"]);
  expect(calls[1]?.attributes["runledger.response.body"]).toContain('"x"');
});

test("a connection that comes after the call was given up is given back, and nothing more is told", async () => {
  interface Old {
    onConnect(abort: (reason: unknown) => void): void;
    onError(error: unknown): void;
  }
  let seen: Old | undefined;
  places[PLACE] = {
    dispatch(_options, handler) {
      seen = handler as Old;
      return true;
    },
  };
  server = await startModelServer(() => {});
  const agent = recorded.ledger.wrap(post, { agent: "a", limits: { wallMs: 500 } });
  await failure(agent());
  const aborted: unknown[] = [];
  seen?.onConnect((reason) => aborted.push(reason));
  seen?.onError(new Error("late"));
  expect(aborted).toMatchObject([{ name: "AgentStopped" }]);
});

test("a handler in undici's newer shape gets everything it would, its pause holds, and what it does to its bytes is its own affair", async () => {
  const text = JSON.stringify(completion("x".repeat(1_000_000)));
  server = await startModelServer((response) => {
    response.writeHead(200, { "content-type": "application/json", "X-Request-Id": "req_9" }).end(text);
  });
  const { origin, pathname: path } = new URL(`${server.baseUrl}/chat/completions`);
  interface Controller {
    pause(): void;
    resume(): void;
  }
  class Newer {
    // Private fields: whoever calls these must do so on the very object.
    #text = "";
    #done = Promise.withResolvers<string>();
    #paused = false;
    dataWhilePaused = 0;
    get done() {
      return this.#done.promise;
    }
    onRequestStart() {}
    onResponseStart(_controller: Controller, status: number) {
      expect(status).toBe(200);
    }
    onResponseData(controller: Controller, data: Buffer) {
      if (this.#paused) this.dataWhilePaused++;
      this.#text += data.toString();
      data.fill(0); // the bytes are the handler's own
      this.#paused = true;
      controller.pause();
      setTimeout(() => {
        this.#paused = false;
        controller.resume();
      }, 2);
    }
    onResponseEnd() {
      this.#done.resolve(this.#text);
    }
    onResponseError(_controller: Controller, error: unknown) {
      this.#done.reject(error);
    }
  }
  const handler = new Newer();
  const agent = recorded.ledger.wrap(
    async () => {
      current().dispatch({ origin, path, method: "POST", headers: ["a", "b"], body }, handler);
      return await handler.done;
    },
    { agent: "a" },
  );
  expect(await agent()).toBe(text);
  expect(handler.dataWhilePaused).toBe(0);
  const [call] = await recorded.steps("llm");
  expect(call?.attributes["runledger.response.body"]).toBe(text);
  expect(call?.attributes["http.response.header.x-request-id"]).toEqual(["req_9"]);
});

test("a limit tells a handler in the newer shape, too", async () => {
  server = await startModelServer(() => {});
  const { origin, pathname: path } = new URL(`${server.baseUrl}/chat/completions`);
  const refused = Promise.withResolvers<unknown>();
  const handler = {
    onRequestStart: () => {},
    onResponseError: (_controller: unknown, error: unknown) => refused.resolve(error),
  };
  const agent = recorded.ledger.wrap(
    async () => {
      current().dispatch({ origin, path, method: "POST", body }, handler);
      return await refused.promise;
    },
    { agent: "a", limits: { steps: 0 } },
  );
  expect(await agent()).toMatchObject({ name: "AgentStopped" });
  expect(server.bodies).toEqual([]);
});

test("a reader that is slow holds the server back", async () => {
  let written = 0;
  const block = Buffer.alloc(65_536, "x");
  server = await startModelServer((response) => {
    const write = () => {
      while (written < 400) {
        written++;
        if (!response.write(block)) return response.once("drain", write);
      }
      return response.end();
    };
    write();
  });
  const agent = recorded.ledger.wrap(
    async () => {
      const reader = (await post()).body?.getReader();
      await reader?.read();
      await new Promise((resolve) => setTimeout(resolve, 300));
      const whileWaiting = written;
      while (!(await reader?.read())?.done);
      return whileWaiting;
    },
    { agent: "a" },
  );
  expect(await agent()).toBeLessThan(400);
  expect(written).toBe(400);
});
