import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { RUNLEDGER } from "@runledger/contract";
import type { Settings } from "../config.ts";
import { createRunledger, type Ledger } from "../ledger.ts";

export interface RecordedLedger {
  ledger: Ledger;
  /** What left the process until now, in the order it was recorded. */
  records(): Promise<ReadableSpan[]>;
  /** The steps among them, of one kind or all. */
  steps(kind?: string): Promise<ReadableSpan[]>;
  end(): Promise<ReadableSpan>;
  warnings: string[];
}

/** A ledger whose collector is memory, and that nobody controls. */
export function createRecordedLedger(settings: Settings = {}): RecordedLedger {
  const exporter = new InMemorySpanExporter();
  // The ledger shuts down an exporter it gives up; what was exported must stay readable.
  exporter.shutdown = async () => {};
  const warnings: string[] = [];
  const log = (message: string) => warnings.push(message);
  const ledger = createRunledger(
    { log, control: "off", ...settings },
    { createExporter: () => exporter, environment: {} },
  );
  async function records(): Promise<ReadableSpan[]> {
    await ledger.flush();
    return exporter.getFinishedSpans();
  }
  return {
    ledger,
    warnings,
    records,
    async steps(kind) {
      const steps = (await records()).filter((span) => span.attributes[RUNLEDGER.event] === undefined);
      return kind === undefined ? steps : steps.filter((span) => span.attributes[RUNLEDGER.stepKind] === kind);
    },
    async end() {
      const end = (await records()).find((span) => span.attributes[RUNLEDGER.event] === "run_end");
      if (end === undefined) throw new Error("the run has no end");
      return end;
    },
  };
}
