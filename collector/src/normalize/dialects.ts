import type { Dialect } from "./dialect.ts";
import { otelGenAi } from "./otel-genai.ts";
import { plain } from "./plain.ts";
import { runledger } from "./runledger.ts";

/** All dialects, the first that claims a span reads it. A new one is a file and a line here. */
export const DIALECTS: readonly Dialect[] = [runledger, otelGenAi, plain];
