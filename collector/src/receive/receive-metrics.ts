import type { JournalFrame, JournalWriter } from "@runledger/storage";
import { Counter, Gauge, type Registry } from "prom-client";

export type Transport = "grpc" | "http";

/** What an operator sees of receiving. */
export interface ReceiveMetrics {
  requests: Counter<"transport" | "code">;
  /** `rejected`: how many, by reason. */
  countItems(signal: JournalFrame["signal"], accepted: number, rejected: ReadonlyMap<string, number>): void;
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
  const counters = (name: string, what: string) => ({
    received: new Counter({
      name: `runledger_otlp_${name}_received_total`,
      help: `${what} in decoded requests`,
      registers,
    }),
    notTaken: new Counter({
      name: `runledger_otlp_${name}_rejected_total`,
      help: `${what} not taken, by reason`,
      labelNames: ["reason"],
      registers,
    }),
  });
  const items = {
    traces: counters("spans", "Spans"),
    logs: counters("log_records", "Log records"),
    metrics: counters("data_points", "Data points of metrics"),
  };
  return {
    requests: new Counter({
      name: "runledger_otlp_requests_total",
      help: "OTLP requests by how they were answered",
      labelNames: ["transport", "code"],
      registers,
    }),
    countItems(signal, accepted, rejected) {
      const { received, notTaken } = items[signal];
      let sum = accepted;
      for (const [reason, count] of rejected) {
        notTaken.inc({ reason }, count);
        sum += count;
      }
      received.inc(sum);
    },
    receivedBytes: new Counter({
      name: "runledger_otlp_received_bytes_total",
      help: "Bytes of request bodies as they came",
      labelNames: ["transport"],
      registers,
    }),
  };
}
