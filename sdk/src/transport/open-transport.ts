import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Config } from "../config.ts";
import { createConversion } from "../conversion/conversion.ts";
import type { Convert, Told } from "../conversion/raw-record.ts";
import type { Failures } from "../failures.ts";
import type { Privacy } from "../privacy/privacy.ts";
import type { Trust } from "../trust.ts";
import { createConnection } from "./connection.ts";
import { createDelivery, type Delivery } from "./delivery.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { createSendThread, type SendThread } from "./send-thread.ts";
import { createSpool, type Spool } from "./spool.ts";

export interface TransportDependencies {
  privacy: Privacy;
  failures: Failures;
  trust: Trust;
  random: () => number;
  /** In place of the thread, for tests. */
  createExporter: ((number: number) => SpanExporter) | undefined;
}

export interface Transport {
  recorder: Recorder;
  delivery: Delivery;
  closeThread(): void;
}

/** The way of records out of the process: made here, converted and sent by another thread. */
export function openTransport(config: Config, dependencies: TransportDependencies): Transport {
  const { privacy, failures, trust, random, createExporter } = dependencies;
  const { endpoint, apiKey, serviceName } = config;
  const conversion = { serviceName, host: hostname(), pid: process.pid, cover: privacy.cover };
  // A function stays on this thread, and with it all conversion.
  const isData = privacy.cover.rules.every(({ redact }) => redact === undefined);
  const elsewhere = isData ? conversion : { ...conversion, cover: { ...privacy.cover, rules: [] } };
  const thread = createSendThread({ endpoint, apiKey, trust, conversion: elsewhere }, failures);
  const convert = whenAsked(() => createConversion(conversion));
  const tell = (told: Told) => {
    privacy.count(told);
    for (const { kind, message } of told.failures) failures.report(kind, new Error(message));
  };
  const connection = createExporter ? createConnection(createExporter, convert, failures) : thread.connection;
  const convertApart = createExporter ? undefined : thread.convert;
  const spool = openSpool(config, thread, failures);
  const delivery = createDelivery({ connection, convert, convertApart, tell, failures, random, spool }, config);
  const recorder = createRecorder({ delivery, failures, convert, tell, followAll: !isData });
  return { recorder, delivery, closeThread: thread.close };
}

/** Mostly never: the other thread converts. */
function whenAsked(create: () => Convert): Convert {
  let convert: Convert | undefined;
  return (batch) => {
    convert ??= create();
    return convert(batch);
  };
}

function openSpool(config: Config, { send }: SendThread, failures: Failures): Spool | undefined {
  const { spoolDir, endpoint, apiKey, spoolBytes: maxBytes, spoolMaxAgeMs: maxAgeMs } = config;
  if (spoolDir === undefined || spoolDir === "off") return undefined;
  // What is meant for one collector must not go to another, nor under another key.
  const destination = createHash("sha256")
    .update(JSON.stringify([endpoint, apiKey ?? null]))
    .digest("hex");
  const directory = join(spoolDir, destination.slice(0, 16));
  return createSpool({ send, failures, now: Date.now }, { directory, maxBytes, maxAgeMs });
}
