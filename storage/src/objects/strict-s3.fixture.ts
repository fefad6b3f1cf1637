import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, Refusal, xml } from "./strict-s3-answer.fixture.ts";
import { createStrictBucket, type StrictBucketOptions } from "./strict-s3-bucket.fixture.ts";

/**
 * What may happen to a write: its request is lost · it is done and its answer is lost · it is done and reported as failed ·
 * it is refused for now · it arrives when its sender has long given up and tried again.
 */
export type S3Fault = "lost" | "answer_lost" | "done_but_failed" | "slow_down" | "late";

export interface StrictS3 {
  endpoint: string;
  /** Decides the fate of the n-th request from now on, counted from 0; the default is that all is well. */
  faults: (request: { n: number; method: string; key: string }) => S3Fault | null;
  /** Every request, as `METHOD key`. */
  requests: string[];
  /** Writes that were held back as `late` happen now, the last one first: in their order they might only repeat what has happened. */
  deliverLate(): void;
  /** All versions of a key, the newest first; a delete marker has no bytes. */
  versionsOf(key: string): { id: string; bytes: Buffer | null; retainUntil: string | null }[];
  /** As somebody with root at the store would: without conditions. */
  overwrite(key: string, bytes: Buffer | null): void;
  close(): Promise<void>;
}

/** An S3 of one bucket, in memory; versioned with Object Lock unless said otherwise. */
export async function startStrictS3(options: StrictBucketOptions): Promise<StrictS3> {
  const store = createStrictBucket(options);
  const late: (() => void)[] = [];
  const state: Pick<StrictS3, "faults" | "requests"> = { faults: () => null, requests: [] };

  const serve = (request: IncomingMessage, response: ServerResponse, body: Buffer): void => {
    const url = new URL(request.url ?? "/", "http://s3");
    const key = decodeURIComponent(url.pathname.slice(options.bucket.length + 2));
    const fault = state.faults({ n: state.requests.length, method: request.method ?? "", key });
    state.requests.push(`${request.method} ${key}`);
    const act = (): Answer => {
      try {
        return store.answer(request, url, key, body);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return {
          ...xml(`<Error><Code>${error.code}</Code><Message>${error.code}</Message></Error>`),
          status: error.status,
          headers: { ...error.headers, "content-type": "application/xml" },
        };
      }
    };
    if (fault === "lost") return void request.socket.destroy();
    if (fault === "late") {
      late.push(() => void act());
      return void request.socket.destroy();
    }
    if (fault === "slow_down") return void send(response, request, failure(503, "SlowDown"));
    const answer = act();
    if (fault === "answer_lost") return void request.socket.destroy();
    response.setHeader("date", new Date(Date.now() + (options.clockOffsetMs ?? 0)).toUTCString());
    send(response, request, fault === "done_but_failed" ? failure(500, "InternalError") : answer);
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => serve(request, response, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(state, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deliverLate: () => {
      for (const write of late.splice(0).reverse()) write();
    },
    versionsOf: (key: string) =>
      store.versionsOf(key).map(({ id, bytes, retainUntil }) => ({ id, bytes, retainUntil })),
    overwrite: (key: string, bytes: Buffer | null) => void store.add(key, { bytes, metadata: {}, retainUntil: null }),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function send(response: ServerResponse, request: IncomingMessage, { status, headers = {}, body = "" }: Answer): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, "content-length": bytes.length });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function failure(status: number, code: string): Answer {
  return { ...xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`), status };
}
