import { GEN_AI } from "@runledger/contract";
import type { Dialect } from "./dialect.ts";
import { keptText } from "./json-text.ts";
import type { Content } from "./normalized.ts";
import type { AttributeReader } from "./span-view.ts";

/** A span that no other dialect claims: kept whole as kind `other`. Must be the last in the list. */
export const plain: Dialect = {
  name: "plain",
  claims: () => true,
  read: (span, attributes) => ({
    event: "step",
    kind: "other",
    name: span.name,
    operation: null,
    runId: null,
    runSeq: null,
    run: {
      task_id: null,
      task_type: null,
      agent_name: attributes.text(GEN_AI.agentName),
      agent_version: null,
      session_id: null,
      user_id: null,
      heartbeat_interval_ms: null,
    },
    llm: null,
    tool: null,
    end: null,
    content: contentOf(attributes),
  }),
};

/** What went in and came out, where a span says so in the words that tracing tools share. */
function contentOf(attributes: AttributeReader): Content {
  const input = attributes.value("input.value");
  const output = attributes.value("output.value");
  const content: Content = {};
  if (input !== null) content.input = keptText(input);
  if (output !== null) content.output = keptText(output);
  return content;
}
