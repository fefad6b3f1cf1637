import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import protobuf from "protobufjs";
import { modelCall, newTraceId, tracesRequest } from "../support/spans.ts";
import { HOSTILE_INDEXES } from "./hostile.ts";

export type Signal = "traces" | "logs" | "metrics";

/** What fuzzing starts from: real requests, cut into small ones, and the keys that mean something to anybody. */
export interface Corpus {
  requests: Record<Signal, object[]>;
  /** Attribute keys that dialects read or captures have, flattened lists of them with hostile indexes. */
  keys: string[];
  /** Member names of the JSON within captured attributes: of messages, tool calls, usage, providers' bodies. */
  words: string[];
}

const CAPTURES = join(import.meta.dirname, "../captures");
const KEYS_IN = ["../../collector/src/normalize", "../../contract/src/semconv"];
const PROTOS = join(import.meta.dirname, "../../collector/proto");
/** Of one request: a mutation should hit something that matters. */
const MAX_ITEMS = 2;
const LISTS: Record<Signal, [resources: string, scopes: string, items: string]> = {
  traces: ["resourceSpans", "scopeSpans", "spans"],
  logs: ["resourceLogs", "scopeLogs", "logRecords"],
  metrics: ["resourceMetrics", "scopeMetrics", "metrics"],
};

export function loadCorpus(): Corpus {
  const requests: Corpus["requests"] = { traces: SAMPLE_TRACES, logs: [SAMPLE_LOGS], metrics: [SAMPLE_METRICS] };
  for (const file of jsonFilesIn(CAPTURES)) {
    const captured = JSON.parse(readFileSync(join(CAPTURES, file), "utf8")) as Partial<Record<Signal, Json[]>>;
    for (const signal of SIGNALS)
      requests[signal] = requests[signal].concat((captured[signal] ?? []).flatMap((request) => split(signal, request)));
  }
  return { requests, keys: [...knownKeys(requests), ...flattenedKeys()], words: knownWords(requests) };
}

export const SIGNALS: readonly Signal[] = ["traces", "logs", "metrics"];

type Json = Record<string, unknown>;

function jsonFilesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return []; // nothing captured yet: the samples below are enough to go on
  }
}

function split(signal: Signal, request: Json): object[] {
  const [resources, scopes, items] = LISTS[signal];
  const small: object[] = [];
  for (const resource of listOf(request[resources])) {
    for (const scope of listOf(resource[scopes])) {
      const all = listOf(scope[items]);
      for (let at = 0; at < all.length; at += MAX_ITEMS)
        small.push({
          [resources]: [{ ...resource, [scopes]: [{ ...scope, [items]: all.slice(at, at + MAX_ITEMS) }] }],
        });
    }
  }
  return small;
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? value : [];
}

/** Every dotted word that the dialects' sources name, and every key of the requests. */
function knownKeys(requests: Corpus["requests"]): string[] {
  const keys = new Set<string>();
  for (const folder of KEYS_IN.map((path) => join(import.meta.dirname, path))) {
    for (const name of readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts")))
      for (const [, key = ""] of readFileSync(join(folder, name), "utf8").matchAll(/["`]([a-z_]+(?:\.[\w$]+)+\.?)/g))
        keys.add(key);
  }
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("key" in value && typeof value.key === "string") keys.add(value.key);
    for (const member of Object.values(value)) collect(member);
  };
  collect(requests);
  return [...keys].filter((key) => !key.endsWith(".ts")).sort();
}

/** Lists as OpenInference and OpenLLMetry flatten them. */
function flattenedKeys(): string[] {
  return FLATTENED.flatMap(([list, member]) =>
    ["0", "1", ...HOSTILE_INDEXES].map((index) => `${list}.${index}${member.replace("*", index)}`),
  );
}

const FLATTENED: [list: string, member: string][] = [
  ["llm.input_messages", ".message.role"],
  ["llm.input_messages", ".message.content"],
  ["llm.input_messages", ".message.contents.*.message_content.text"],
  ["llm.input_messages", ".message.contents.*.message_content.image.image.url"],
  ["llm.output_messages", ".message.content"],
  ["llm.output_messages", ".message.tool_calls.*.tool_call.function.name"],
  ["llm.output_messages", ".message.tool_calls.*.tool_call.function.arguments"],
  ["llm.tools", ".tool.json_schema"],
  ["llm.prompts", ".prompt.text"],
  ["retrieval.documents", ".document.content"],
  ["retrieval.documents", ".document.score"],
  ["reranker.output_documents", ".document.metadata"],
  ["embedding.embeddings", ".embedding.text"],
  ["embedding.embeddings", ".embedding.vector"],
  ["gen_ai.prompt", ".role"],
  ["gen_ai.prompt", ".content"],
  ["gen_ai.prompt", ".tool_calls.*.arguments"],
  ["gen_ai.completion", ".content"],
  ["gen_ai.completion", ".finish_reason"],
  ["gen_ai.completion", ".tool_calls.*.name"],
  ["llm.request.functions", ".parameters"],
  ["llm.request.functions", ""],
];

function knownWords(requests: Corpus["requests"]): string[] {
  const words = new Set([
    "role",
    "parts",
    "content",
    "type",
    "text",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "id",
  ]);
  const collect = (value: unknown, isWithin: boolean): void => {
    if (typeof value === "string" && /^\s*[[{]/.test(value)) collect(parsed(value), true);
    if (typeof value !== "object" || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      if (isWithin && !Array.isArray(value)) words.add(name);
      collect(member, isWithin);
    }
  };
  collect(requests, false);
  return [...words].filter((word) => word.length < 60).sort();
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // text that only begins like JSON
  }
}

/** Encodes OTLP/JSON as protobuf, by protobufjs from the .proto files. @throws when the message has no room for what the JSON says. */
export function createProtobufEncoder(): (signal: Signal, request: object) => Buffer {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (target.startsWith("/") ? target : join(PROTOS, target));
  const message = (folder: string, name: string) =>
    root
      .loadSync(`opentelemetry/proto/collector/${folder}/v1/${folder}_service.proto`)
      .lookupType(`opentelemetry.proto.collector.${folder}.v1.${name}`);
  const types: Record<Signal, protobuf.Type> = {
    traces: message("trace", "ExportTraceServiceRequest"),
    logs: message("logs", "ExportLogsServiceRequest"),
    metrics: message("metrics", "ExportMetricsServiceRequest"),
  };
  return (signal, request) => {
    const type = types[signal];
    return Buffer.from(type.encode(type.fromObject(withBytes(request) as object)).finish());
  };
}

/** Ids are hex in OTLP/JSON, base64 in protobuf's own. */
function withBytes(value: unknown, key = ""): unknown {
  if (typeof value === "string" && /(?:trace|span)Id$/i.test(key)) return Buffer.from(value, "hex");
  if (Array.isArray(value)) return value.map((item) => withBytes(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withBytes(member, name)]));
}

const NOW = String(BigInt(Date.now()) * 1_000_000n);
const MESSAGES = JSON.stringify([
  { role: "system", parts: [{ type: "text", content: "Be brief." }] },
  { role: "user", parts: [{ type: "text", content: "Wie geht’s? 🚀" }] },
  { role: "assistant", parts: [{ type: "tool_call", id: "call-1", name: "search", arguments: { q: "x" } }] },
  { role: "tool", parts: [{ type: "tool_call_response", id: "call-1", response: [1, "zwei"] }] },
]);
const SAMPLE_TRACES = [
  tracesRequest([modelCall(newTraceId(), { "gen_ai.input.messages": MESSAGES, "gen_ai.output.messages": MESSAGES })]),
  tracesRequest([
    modelCall(newTraceId(), {
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "search",
      "gen_ai.tool.call.id": "call-1",
      "gen_ai.tool.call.arguments": '{"q":"x"}',
      "gen_ai.tool.call.result": '["found"]',
    }),
  ]),
];
const SAMPLE_LOGS = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
      scopeLogs: [
        {
          scope: { name: "openai", version: "1" },
          logRecords: [
            {
              timeUnixNano: NOW,
              observedTimeUnixNano: NOW,
              severityNumber: 9,
              eventName: "gen_ai.client.inference.operation.details",
              traceId: newTraceId(),
              spanId: "00f067aa0ba902b7",
              body: { kvlistValue: { values: [{ key: "content", value: { stringValue: "hello" } }] } },
              attributes: [{ key: "gen_ai.input.messages", value: { stringValue: MESSAGES } }],
            },
          ],
        },
      ],
    },
  ],
};
const POINT = {
  startTimeUnixNano: NOW,
  timeUnixNano: NOW,
  attributes: [{ key: "gen_ai.token.type", value: { stringValue: "input" } }],
};
const SAMPLE_METRICS = {
  resourceMetrics: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
      scopeMetrics: [
        {
          scope: { name: "openai", version: "1" },
          metrics: [
            {
              name: "gen_ai.client.token.usage",
              unit: "{token}",
              histogram: {
                aggregationTemporality: 2,
                dataPoints: [
                  { ...POINT, count: "3", sum: 17, min: 1, max: 9, bucketCounts: ["1", "2"], explicitBounds: [4] },
                ],
              },
            },
            {
              name: "gen_ai.client.inference.usage.input_tokens",
              sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ ...POINT, asInt: "12" }] },
            },
            { name: "gen_ai.gauge", gauge: { dataPoints: [{ ...POINT, asDouble: 1.5 }] } },
          ],
        },
      ],
    },
  ],
};
