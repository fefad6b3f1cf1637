import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Batch, Conversion, Convert } from "../conversion/raw-record.ts";
import type { Failures } from "../failures.ts";
import { outcomeOf, type SendOutcome } from "./outcome.ts";

/** What a conversion leaves behind, beside the spans. */
export type Converted = Pick<Conversion, "tails" | "told">;

export interface Sent {
  outcome: SendOutcome;
  error?: unknown;
  /** Undefined: the batch was not converted. */
  converted?: Converted | undefined;
}

/** The way to the collector, conversion included. */
export interface Connection {
  /** Never rejects. */
  send(batch: Batch): Promise<Sent>;
  /** gRPC's own reconnecting backs off up to two minutes; with a new connection each time, the caller's is the only back-off. */
  renew(): void;
  close(): Promise<void>;
}

/** Converts here, and sends with one exporter until it fails, then with a fresh one. @param createExporter `number` counts them. */
export function createConnection(
  createExporter: (number: number) => SpanExporter,
  convert: Convert,
  failures: Failures,
): Connection {
  let connections = 0;
  let exporter: SpanExporter | undefined;

  async function close(): Promise<void> {
    const closing = exporter;
    exporter = undefined;
    await closing?.shutdown().catch((problem) => failures.report("delivery", problem));
  }
  return {
    send(batch) {
      exporter ??= failures.attempt("delivery", () => createExporter(++connections));
      const open = exporter;
      if (open === undefined)
        return Promise.resolve({ outcome: "again", error: new Error("no connection to the collector could be made") });
      const { spans, ...converted } = convert(batch);
      return new Promise((resolve) => {
        try {
          open.export(spans, ({ code, error }) =>
            resolve({ outcome: code === 0 ? "delivered" : outcomeOf(error), error, converted }),
          );
        } catch (error) {
          resolve({ outcome: "split", error, converted });
        }
      });
    },
    renew: () => void close(),
    close,
  };
}
