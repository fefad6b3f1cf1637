import { createServer, type ServerOptions } from "node:https";
import type { Socket } from "node:net";
import { TENANT_HEADER, type TlsSettings, tlsServerOptions } from "@runledger/contract";
import type { BodyEncoding, BodyFormat, JournalFrame } from "@runledger/storage";
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
} from "fastify";
import { OtlpError } from "../otlp/otlp.ts";
import { encodeAnswer, encodeRefusal } from "./answer.ts";
import type { Reservation } from "./byte-budget.ts";
import type { Gate, Sender } from "./gate.ts";
import { bodyKindOf, formatOf, readBody } from "./http-body.ts";
import type { Intake } from "./intake.ts";
import { listenError } from "./listen-error.ts";

export interface ReceiverSettings {
  host: string;
  /** 0: a free one. */
  port: number;
  gate: Gate;
  /** Plain when left out or null. */
  tls?: TlsSettings | null;
  /** A request must have come in whole within this. */
  requestTimeoutMs?: number;
  /** How long `close` waits for requests at work. */
  closeTimeoutMs?: number;
}

export interface Receiver {
  port: number;
  /** Takes no more, answers what is at work, and ends what takes too long. */
  close(): Promise<void>;
}

export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;
export const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 10_000;
const SIGNAL_PATHS = [
  ["/v1/traces", "traces"],
  ["/v1/logs", "logs"],
  ["/v1/metrics", "metrics"],
] as const;
const CHALLENGE = 'Bearer realm="runledger", Basic realm="runledger"';
const CONTENT_TYPE: Record<BodyFormat, string> = { protobuf: "application/x-protobuf", json: "application/json" };

declare module "fastify" {
  interface FastifyRequest {
    otlp: {
      sender: Sender;
      signal: JournalFrame["signal"];
      format: BodyFormat;
      encoding: BodyEncoding;
      reservation: Reservation;
    } | null;
  }
}

/** OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): POST to any path that ends in /v1/traces, /v1/logs or /v1/metrics. */
export async function createHttpReceiver(intake: Intake, settings: ReceiverSettings): Promise<Receiver> {
  const requestTimeout = settings.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const times = {
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
    connectionsCheckingInterval: Math.min(5_000, requestTimeout),
  };
  const { tls = null } = settings;
  const app = Fastify({
    logger: false,
    requestTimeout,
    ...(tls === null ? { http: times } : { serverFactory: tlsServerFactory(tls, { ...times, requestTimeout }) }),
    forceCloseConnections: "idle",
    // The hook below refuses in OTLP's form instead.
    return503OnClosing: false,
    clientErrorHandler: (_error, socket) => answerGarbage(intake, socket),
  });
  let closing = false;
  app.addHook("onRequest", (_request, _reply, done) => {
    done(closing ? new OtlpError("closing", "the collector is shutting down; retry later") : undefined);
  });
  addSignals(app, intake, settings.gate);
  await app.listen({ host: settings.host, port: settings.port }).catch((cause: unknown) => {
    throw listenError("http", `${settings.host}:${settings.port}`, cause);
  });
  const address = app.server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : settings.port,
    async close() {
      closing = true;
      const timer = setTimeout(
        () => app.server.closeAllConnections(),
        settings.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS,
      );
      await app.close();
      clearTimeout(timer);
    },
  };
}

function tlsServerFactory(tls: TlsSettings, limits: ServerOptions): FastifyServerFactory {
  return (handler) => createServer({ ...limits, ...tlsServerOptions(tls) }, handler);
}

function addSignals(app: FastifyInstance, intake: Intake, gate: Gate): void {
  app.decorateRequest("otlp", null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, payload, done) => {
    const { otlp } = request;
    if (otlp === null) return done(new Error("a body was read without its headers being checked"));
    const lengthBytes = Number(request.headers["content-length"] ?? 0);
    readBody(payload, { lengthBytes, maxBytes: intake.maxBodyBytes }, otlp.reservation).then(
      (body) => done(null, body),
      done,
    );
  });
  // Before any byte of a body is read: is it for us, and is there room for it?
  app.addHook("onRequest", (request, _reply, done) => {
    try {
      const signal = signalOf(request);
      const { authorization = null, [TENANT_HEADER]: tenant } = request.headers;
      const sender = gate({ authorization, tenant: typeof tenant === "string" ? tenant : null });
      const { format, encoding, lengthBytes } = bodyKindOf(request.headers, intake.maxBodyBytes);
      const reservation = intake.reserve(sender);
      request.otlp = { sender, signal, format, encoding, reservation };
      // What is promised must fit now, and holds nothing: who promises much may send nothing.
      reservation.resize(lengthBytes);
      reservation.resize(0);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook("onResponse", (request, _reply, done) => {
    request.otlp?.reservation.release();
    done();
  });
  app.addHook("onRequestAbort", (request, done) => {
    request.otlp?.reservation.release();
    done();
  });
  app.setErrorHandler((error, request, reply) => refuse(intake, error, request, reply));
  app.all("/*", async (request, reply) => {
    const { otlp } = request;
    if (otlp === null) throw new Error("a request came through without its headers being checked");
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const { sender, signal, format, encoding, reservation } = otlp;
    // Neither of the hooks above is called for who hangs up when the body has come; nor for who is refused, and hangs up before its turn to be told.
    const answer = await intake
      .take({ ...sender, signal, format, encoding, body }, "http", reservation)
      .finally(() => reservation.release());
    return reply.type(CONTENT_TYPE[format]).send(encodeAnswer(answer, format));
  });
}

/** @throws OtlpError when the path or the method is none of ours. */
function signalOf(request: FastifyRequest): JournalFrame["signal"] {
  const path = request.url.split("?", 1)[0] ?? "";
  const signal = SIGNAL_PATHS.find(([end]) => path.endsWith(end))?.[1];
  if (signal === undefined)
    throw new OtlpError("unknown_path", `there is nothing at ${path}; send to /v1/traces, /v1/logs or /v1/metrics`);
  if (request.method !== "POST") throw new OtlpError("wrong_method", `${request.method} is not taken here; use POST`);
  return signal;
}

function refuse(intake: Intake, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.otlp?.reservation.release();
  const refusal = intake.refuse(error, "http");
  const format = formatOf(request.headers) ?? "json";
  if (refusal.retryAfterSeconds !== null) reply.header("retry-after", refusal.retryAfterSeconds);
  if (refusal.httpCode === 401) reply.header("www-authenticate", CHALLENGE);
  if (refusal.httpCode === 405) reply.header("allow", "POST");
  return reply.code(refusal.httpCode).type(CONTENT_TYPE[format]).send(encodeRefusal(refusal, format));
}

/** What is no HTTP at all, or takes too long, is counted and ended. */
function answerGarbage(intake: Intake, socket: Socket): void {
  const refusal = intake.refuse(new OtlpError("malformed", "this is not an HTTP request; send OTLP/HTTP here"), "http");
  if (!socket.writable) return void socket.destroy();
  const body = encodeRefusal(refusal, "json");
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
