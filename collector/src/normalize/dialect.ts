import type {
  ActFacts,
  AgentFacts,
  EndFacts,
  LlmFacts,
  RecordEvent,
  RunFacts,
  RunledgerRecord,
  StepKind,
  ToolFacts,
} from "@runledger/contract";
import type { Content } from "./normalized.ts";
import type { AttributeReader, SpanEvent, SpanView } from "./span-view.ts";

/** What a dialect reads out of a span. Hashes of content are added by `normalizeSpan`, the same for all dialects. */
export interface DialectFacts {
  event: RecordEvent;
  kind: StepKind;
  /** The step's own name: a model, a tool, an agent; else the span's. */
  name: string;
  /** `gen_ai.operation.name`, or the dialect's own word for it. */
  operation: string | null;
  /** null: the trace id. */
  runId: string | null;
  runSeq: number | null;
  runPrev?: string;
  run: RunFacts;
  llm: Omit<
    LlmFacts,
    "system_prompt_sha256" | "prompt_sha256" | "tools_sha256" | "tool_requests" | "tool_results"
  > | null;
  tool: Omit<ToolFacts, "arguments_sha256" | "result_sha256" | "result_bytes"> | null;
  end: EndFacts | null;
  act?: ActFacts;
  /** What only the agent can tell. */
  agent?: AgentFacts;
  /** A failure that the dialect tells in its own words; counts where status, `error.type` and events tell none. */
  error?: RunledgerRecord["error"];
  /** The span's events without what became content; default: as they are. */
  events?: readonly SpanEvent[];
  content: Content;
}

/** What is asked to tell whose a span is: which keys it has, and rarely what one says. */
export type DialectKeys = Pick<ReadonlyMap<string, unknown>, "has" | "get">;

/** A way of writing agent telemetry. Chosen by the keys that a span carries, never by its scope's name alone. */
export interface Dialect {
  name: string;
  claims(attributes: DialectKeys): boolean;
  /** `scope` is for what its version did wrong. */
  read(span: SpanView, attributes: AttributeReader, scope: RunledgerRecord["scope"]): DialectFacts;
}
