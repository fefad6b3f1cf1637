import type { Keyring, Objects, Rows } from "@runledger/storage";
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Registry } from "prom-client";
import type { ActRecorder } from "./acts/act-recorder.ts";
import type { QueryApiSettings } from "./config.ts";

/** What the query API is handed: it opens nothing itself and reads no environment. */
export interface QueryApiDependencies {
  rows: Rows;
  /** The same by connections that people's questions don't use up: for alerts, erasures, expiry, readiness. Default: `rows`. */
  ownRows?: Rows;
  objects: Objects;
  /** Opens sealed content, and destroys keys; null: nothing was ever sealed. */
  keyring: Keyring | null;
  /** Where acts (reads of content, changes of settings) are recorded before they are done. */
  acts: ActRecorder;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** In [0, 1): the jitter of retries. */
  random: () => number;
  logger: FastifyBaseLogger;
  /** Where the whole process counts; `/metrics` prints it. */
  registry: Registry;
  /** What other threads count, as Prometheus text: `/metrics` prints it after the registry. */
  collectMetrics?: () => Promise<string>;
  /** What else keeps the process from being ready, a line each; none when all is well. */
  troubles?: () => Promise<string[]>;
  /** What an operator should mend though all goes on. */
  warnings?: () => Promise<string[]>;
  /** The folder of the built web page; null serves none. */
  webDir: string | null;
  /** The log's verifier keys (C2SP signed-note vkeys), shown for information only. */
  verifierKeys: readonly string[];
}

/** What a feature is registered with. */
export interface Feature {
  app: App;
  dependencies: QueryApiDependencies;
  settings: QueryApiSettings;
}

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;
