import type { JournalWriter } from "@runledger/storage";
import { Counter, Gauge, type Registry } from "prom-client";

export type Transport = "grpc" | "http";

/** What an operator sees of receiving. */
export interface ReceiveMetrics {
  requests: Counter<"transport" | "code">;
  spansReceived: Counter;
  spansRejected: Counter<"reason">;
  receivedBytes: Counter<"transport">;
}

export function createReceiveMetrics(
  registry: Registry,
  journal: JournalWriter,
  inFlightBytes: () => number,
): ReceiveMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge("runledger_otlp_in_flight_bytes", "Bytes of requests in memory", inFlightBytes);
  gauge("runledger_journal_queued_bytes", "Bytes that wait for the journal's disk", () => journal.stats().queuedBytes);
  gauge("runledger_journal_size_bytes", "Bytes of all journal segments", () => journal.stats().sizeBytes);
  gauge("runledger_journal_segments", "Journal segments on the disk", () => journal.stats().segments);
  gauge("runledger_journal_last_seq", "Number of the last durable frame", () => journal.stats().lastSeq);
  return {
    requests: new Counter({
      name: "runledger_otlp_requests_total",
      help: "OTLP requests by how they were answered",
      labelNames: ["transport", "code"],
      registers,
    }),
    spansReceived: new Counter({
      name: "runledger_otlp_spans_received_total",
      help: "Spans in decoded requests",
      registers,
    }),
    spansRejected: new Counter({
      name: "runledger_otlp_spans_rejected_total",
      help: "Spans not taken, by reason",
      labelNames: ["reason"],
      registers,
    }),
    receivedBytes: new Counter({
      name: "runledger_otlp_received_bytes_total",
      help: "Bytes of request bodies as they came",
      labelNames: ["transport"],
      registers,
    }),
  };
}
