import type { BodyEncoding, BodyFormat, JournalFrame, JournalWriter } from "@runledger/storage";
import type { Registry } from "prom-client";
import { unpackBody } from "../otlp/unpack.ts";
import { verdictOn } from "../otlp/verdict.ts";
import type { ExportAnswer } from "./answer.ts";
import { type ByteBudget, createByteBudget } from "./byte-budget.ts";
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
  /** Of all requests in memory. */
  maxInFlightBytes?: number;
}

/** A request as a receiver got it, without its transport. */
export interface IncomingRequest {
  signal: JournalFrame["signal"];
  format: BodyFormat;
  encoding: BodyEncoding;
  tenant: string;
  /** Runledger itself sent it. */
  own?: true;
  body: Uint8Array;
}

/** What both receivers share: checking, journalling, counting. */
export interface Intake {
  readonly budget: ByteBudget;
  readonly maxBodyBytes: number;
  /** Resolves when the accepted items are durable, as the acknowledgement is set. Rejects with what `refuse` understands; nothing was acknowledged then. */
  take(request: IncomingRequest, transport: Transport, reserveUnpacked: (bytes: number) => void): Promise<ExportAnswer>;
  /** Counts a refusal, reports it where it is our own failure, and tells how to answer. */
  refuse(error: unknown, transport: Transport): RefusalStatus;
  /** Counts a request that ended before there was an answer. */
  countAborted(transport: Transport): void;
}

export const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
export const DEFAULT_MAX_IN_FLIGHT_BYTES = 256 * 1024 * 1024;

export function createIntake(dependencies: IntakeDependencies, settings: IntakeSettings): Intake {
  const budget = createByteBudget(settings.maxInFlightBytes ?? DEFAULT_MAX_IN_FLIGHT_BYTES);
  const maxBodyBytes = settings.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
  const metrics = createReceiveMetrics(dependencies.registry, dependencies.journal, budget.usedBytes);
  let reportedFatal = false;

  return {
    budget,
    maxBodyBytes,
    async take(request, transport, reserveUnpacked) {
      const { signal } = request;
      metrics.receivedBytes.inc({ transport }, request.body.byteLength);
      const plain = await unpackBody(request.body, request.encoding, maxBodyBytes, reserveUnpacked);
      const { accepted, rejected, message } = verdictOn(signal, plain, request.format);
      metrics.countItems(signal, accepted, rejected);
      // The frame is journalled as it came: the integrator comes to the same verdict on each item.
      if (accepted > 0) {
        const seq = await dependencies.journal.append({ ...request, receivedUnixNano: dependencies.nowUnixNano() });
        await dependencies.stored?.(seq);
      }
      metrics.requests.inc({ transport, code: "ok" });
      return { signal, rejected: [...rejected.values()].reduce((sum, count) => sum + count, 0), message };
    },
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
}
