import { DIRECTORY, tlsSettings } from "@runledger/contract";
import { z } from "zod";
import { priceOverrides } from "./normalize/price-overrides.ts";

const port = z.number().int().min(0).max(65_535);

/** Name of a log and of the key that signs it. `directory` is the log of the shards' checkpoints. */
export const shardName = z
  .string()
  .regex(/^(?!\.)[A-Za-z0-9._-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 . _ - and no dot in front")
  .refine((name) => name !== DIRECTORY, `${DIRECTORY} is the name of the log that lists the shards`);

/** All settings of a collector, with their defaults. Bytes and milliseconds as the names say. Handed in whole: the standalone reads the environment. */
export const collectorSettings = z.strictObject({
  host: z.string().min(1).default("127.0.0.1"),
  /** 0 picks a free one. */
  grpcPort: port.default(4317),
  httpPort: port.default(4318),
  /** Of both OTLP ports; null: plain. */
  tls: tlsSettings.nullable().default(null),
  /** The key of the installation, which may send for any tenant; null: there is none. */
  apiKey: z.string().nullable().default(null),
  /** With it Runledger itself sends what nobody else can: acts. Whoever shall send them is told it. */
  ownKey: z.string().min(32),
  journalDir: z.string().min(1),
  /** What an answer waits for: the journal's fsync, or that the records are in the object store. */
  ack: z.enum(["journal", "object"]).default("journal"),
  /** How long an answer waits for the object store before it is a refusal to be sent again. */
  ackTimeoutMs: z.number().int().positive().default(8_000),
  /** `file:PATH` */
  objects: z.string().min(1),
  clickhouseUrl: z.string().min(1),
  signingKeyPath: z.string().min(1),
  /** The log's name, for a key that is made now; a key that exists has its own. */
  logOrigin: z.string().min(1),
  /** What the payloads' keys are wrapped by (storage `MasterKeySource`); null: payloads are stored in the clear. */
  masterKey: z
    .union([
      z.strictObject({ file: z.string().min(1) }),
      z.strictObject({ base64: z.string().min(1) }),
      z.strictObject({ module: z.string().min(1) }),
    ])
    .nullable()
    .default(null),
  /** How long sealed contents are kept after their month; their packs are locked so long in a bucket with a lock. Null: as long as the log's files. */
  contentRetentionDays: z.number().int().positive().nullable().default(null),
  /** Name of the log that this collector alone writes. */
  shard: shardName.default("0"),
  /** Of the log of the shards' checkpoints; null: there is none. */
  directoryKeyPath: z.string().min(1).nullable().default(null),
  /** How often the shards' heads go into the directory, and its head to its witnesses. */
  directoryIntervalMs: z.number().int().positive().default(60_000),
  /** A C2SP tlog-policy with the witnesses to be asked. */
  witnessPolicy: z.string().min(1).nullable().default(null),
  /** Whose heads they are asked for. */
  witnessLogs: z.enum(["directory", "all"]).default("directory"),
  /** A time stamping authority (RFC 3161). */
  tsaUrl: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null),
  tsaIntervalMs: z.number().int().positive().default(3_600_000),
  logLevel: z.string().default("info"),
  /** The user's own prices, before those of the table that comes with us. */
  prices: priceOverrides.nullable().default(null),
  /** A batch of either sink, bytes of request bodies. */
  maxBatchBytes: z
    .number()
    .int()
    .positive()
    .default(8 * 1024 * 1024),
  /** How long an audit batch that isn't full waits for more: each ends with a signed checkpoint. */
  auditLingerMs: z.number().int().nonnegative().default(250),
  /** The same for an insert into ClickHouse. */
  metricsLingerMs: z.number().int().nonnegative().default(150),
  /** How often an idle follower looks into the journal. */
  pollMs: z.number().int().positive().default(20),
  retryMinMs: z.number().int().positive().default(100),
  retryMaxMs: z.number().int().positive().default(10_000),
  /** Normal forms kept for the follower that is behind, bytes of request bodies. */
  maxKeptBytes: z
    .number()
    .int()
    .positive()
    .default(16 * 1024 * 1024),
  /** How long a stop waits for the followers to reach the journal's end. */
  drainMs: z.number().int().nonnegative().default(10_000),
});
export type CollectorSettings = Readonly<z.infer<typeof collectorSettings>>;
export type CollectorOptions = z.input<typeof collectorSettings>;
