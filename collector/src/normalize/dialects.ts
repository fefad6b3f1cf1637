import type { Dialect } from "./dialect.ts";
import { langfuse } from "./langfuse.ts";
import { mastra } from "./mastra.ts";
import { openinference } from "./openinference.ts";
import { otelGenAi } from "./otel-genai.ts";
import { plain } from "./plain.ts";
import { runledger } from "./runledger.ts";
import { traceloop } from "./traceloop.ts";
import { vercelAi } from "./vercel-ai.ts";

/** All dialects, the first that claims a span reads it. A new one is a file and a line here. */
export const DIALECTS: readonly Dialect[] = [
  runledger,
  langfuse,
  openinference,
  vercelAi,
  mastra,
  traceloop,
  otelGenAi,
  plain,
];
