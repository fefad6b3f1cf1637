import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Failures } from "../failures.ts";
import { outcomeOf, type SendOutcome } from "./outcome.ts";

/** The way to the collector: one exporter until it fails, then a fresh one. */
export interface Connection {
  /** Calls `done` once; never throws. */
  send(batch: ReadableSpan[], done: (outcome: SendOutcome, error: unknown) => void): void;
  /** gRPC's own reconnecting backs off up to two minutes; with a new connection each time, the caller's is the only back-off. */
  renew(): void;
  close(): Promise<void>;
}

/** @param createExporter makes a fresh connection; `number` counts them. */
export function createConnection(createExporter: (number: number) => SpanExporter, failures: Failures): Connection {
  let connections = 0;
  let exporter: SpanExporter | undefined;

  async function close(): Promise<void> {
    const closing = exporter;
    exporter = undefined;
    await closing?.shutdown().catch((problem) => failures.report("delivery", problem));
  }
  return {
    send(batch, done) {
      exporter ??= failures.attempt("delivery", () => createExporter(++connections));
      if (exporter === undefined) return done("again", new Error("no connection to the collector could be made"));
      try {
        exporter.export(batch, (result) =>
          done(result.code === 0 ? "delivered" : outcomeOf(result.error), result.error),
        );
      } catch (error) {
        done("split", error);
      }
    },
    renew: () => void close(),
    close,
  };
}
