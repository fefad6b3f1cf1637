import type { BodyFormat, JournalFrame, JournalWriter } from "@runledger/storage";
import type { Registry } from "prom-client";
import { type Packing, unpackBody } from "../otlp/unpack.ts";
import { verdictOn } from "../otlp/verdict.ts";
import type { ExportAnswer } from "./answer.ts";
import { createByteBudget, type Reservation } from "./byte-budget.ts";
import type { Sender } from "./gate.ts";
import { createReceiveMetrics, type Transport } from "./receive-metrics.ts";
import { isFatal, type RefusalStatus, refusalOf } from "./status.ts";

export interface IntakeDependencies {
  journal: JournalWriter;
  registry: Registry;
  /** Nanoseconds since the epoch. */
  nowUnixNano: () => bigint;
  /** The journal is dead; called once. The process must end. */
  onFatal: (error: unknown) => void;
  /** Resolves when a journalled frame is as safe as an answer promises; by default the journal is enough. Its rejections are answered. */
  stored?: (seq: number) => Promise<void>;
  /** Told of failures that are the collector's own. */
  warn: (message: string, details: object) => void;
}

export interface IntakeSettings {
  /** Of one request, packed or not. */
  maxBodyBytes?: number;
  /** Of all requests of agents in memory. */
  maxInFlightBytes?: number;
}

/** A request as a receiver got it, without its transport. */
export interface IncomingRequest extends Sender {
  signal: JournalFrame["signal"];
  format: BodyFormat;
  encoding: Packing;
  body: Uint8Array;
}

/** What both receivers share: checking, journalling, counting. */
export interface Intake {
  readonly maxBodyBytes: number;
  /** Room in memory for a request. What Runledger sends itself has room of its own: no act waits for agents. @throws OtlpError `overloaded`. */
  reserve(sender: Sender): Reservation;
  /** Resolves when the accepted items are durable, as the acknowledgement is set. Rejects with what `refuse` understands; nothing was acknowledged then. */
  take(request: IncomingRequest, transport: Transport, reservation: Reservation): Promise<ExportAnswer>;
  /** Counts a refusal, reports it where it is our own failure, and tells how to answer. */
  refuse(error: unknown, transport: Transport): RefusalStatus;
  /** Counts a request that ended before there was an answer. */
  countAborted(transport: Transport): void;
}

export const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
export const DEFAULT_MAX_IN_FLIGHT_BYTES = 256 * 1024 * 1024;
/** An act is at most 30 KB. */
const OWN_MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;

export function createIntake(dependencies: IntakeDependencies, settings: IntakeSettings): Intake {
  const budget = createByteBudget(settings.maxInFlightBytes ?? DEFAULT_MAX_IN_FLIGHT_BYTES);
  const maxBodyBytes = settings.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
  const ownBudget = createByteBudget(OWN_MAX_IN_FLIGHT_BYTES);
  const inFlightBytes = () => budget.usedBytes() + ownBudget.usedBytes();
  const metrics = createReceiveMetrics(dependencies.registry, dependencies.journal, inFlightBytes);
  let reportedFatal = false;

  return {
    maxBodyBytes,
    reserve: ({ tenant, own }) => (own ? ownBudget : budget).reserve(tenant),
    take: (request, transport, reservation) => reservation.during(() => take(request, transport, reservation)),
    countAborted: (transport) => metrics.requests.inc({ transport, code: "aborted" }),
    refuse(error, transport) {
      const refusal = refusalOf(error);
      metrics.requests.inc({ transport, code: refusal.name });
      if (refusal.name === "internal") dependencies.warn("a request failed", { transport, err: error });
      if (isFatal(error) && !reportedFatal) {
        reportedFatal = true;
        dependencies.onFatal(error);
      }
      return refusal;
    },
  };

  async function take(request: IncomingRequest, transport: Transport, reservation: Reservation): Promise<ExportAnswer> {
    const { signal } = request;
    metrics.receivedBytes.inc({ transport }, request.body.byteLength);
    const { body, encoding } = request;
    const plain = await unpackBody(body, encoding, maxBodyBytes, (bytes) =>
      reservation.resize(body.byteLength + bytes),
    );
    const { accepted, rejected, message } = verdictOn(signal, plain, request.format);
    metrics.countItems(signal, accepted, rejected);
    // The frame is journalled as it came: the integrator comes to the same verdict on each item.
    if (accepted > 0) {
      const kept = encoding === "deflate" ? ({ body: plain, encoding: "identity" } as const) : { body, encoding };
      const seq = await dependencies.journal.append({
        ...request,
        ...kept,
        receivedUnixNano: dependencies.nowUnixNano(),
      });
      await dependencies.stored?.(seq);
    }
    metrics.requests.inc({ transport, code: "ok" });
    return { signal, rejected: [...rejected.values()].reduce((sum, count) => sum + count, 0), message };
  }
}
