import type { StepDetail } from "@runledger/contract";
import { count, exactUsd, plural, UNKNOWN } from "../format/number.ts";
import { duration } from "../format/time.ts";
import { JsonView } from "../ui/json-view.tsx";
import { LongText } from "../ui/long-text.tsx";
import { Conversation } from "./conversation.tsx";
import { isObject, readText } from "./message.ts";
import { Pair, Section } from "./section.tsx";
import { Hashes } from "./step-record.tsx";

type Llm = NonNullable<StepDetail["llm"]>;

/** A model call: what the model was told, in the order it read it, and what it said. */
export function LlmContent({ llm, available, keyed }: { llm: Llm; available: boolean; keyed: boolean }) {
  const systemPrompt = readText(llm.system_prompt);
  const tools = llm.tool_definitions ?? [];
  return (
    <>
      <LlmFacts llm={llm} />
      {isGiven(llm.system_prompt) ? (
        <Section title="System prompt">
          {systemPrompt === null ? (
            <JsonView value={llm.system_prompt} label="system prompt" />
          ) : (
            <LongText text={systemPrompt} label="system prompt" />
          )}
        </Section>
      ) : null}
      {tools.length > 0 ? (
        <Section title="Tool definitions" note={toolNames(tools)} folded>
          <JsonView value={tools} label="tool definitions" />
        </Section>
      ) : null}
      {isGiven(llm.parameters) ? (
        <Section title="Parameters" folded>
          <JsonView value={llm.parameters} label="parameters" />
        </Section>
      ) : null}
      {llm.messages ? (
        <Section title="Messages" note={count(llm.messages.length)}>
          <Conversation messages={llm.messages} label="Messages" />
        </Section>
      ) : null}
      {llm.response ? (
        <Section title="Response" note={llm.finish_reasons.join(", ")}>
          <Conversation messages={llm.response} label="Response" />
        </Section>
      ) : null}
      {available && !llm.messages && !llm.response ? (
        <p className="muted">No messages were sent with this call.</p>
      ) : null}
      {llm.raw_request !== null ? (
        <Section title="Raw request" note={plural(llm.raw_request.length, "character")} folded>
          <LongText text={llm.raw_request} mono label="raw request" />
        </Section>
      ) : null}
      {llm.raw_response !== null ? (
        <Section title="Raw response" note={plural(llm.raw_response.length, "character")} folded>
          <LongText text={llm.raw_response} mono label="raw response" />
        </Section>
      ) : null}
      <Hashes
        keyed={keyed}
        hashes={[
          ["System prompt", llm.system_prompt_sha256],
          ["Prompt", llm.prompt_sha256],
          ["Tools", llm.tools_sha256],
        ]}
      />
    </>
  );
}

function LlmFacts({ llm }: { llm: Llm }) {
  const noUsage = "The call did not report its usage";
  const model = llm.request_model ?? llm.response_model;
  const cached = [
    llm.cache_read_tokens === null ? null : `${count(llm.cache_read_tokens)} cached`,
    llm.cache_write_tokens === null ? null : `${count(llm.cache_write_tokens)} to cache`,
    llm.context_window === null ? null : `context of ${count(llm.context_window)}`,
  ];
  const priced = llm.cost_usd === null ? "no known price" : `${llm.price_table} ${llm.price_version}`;
  return (
    <dl className="pairs">
      <Pair label="Model" note={llm.response_model === model ? null : llm.response_model}>
        {model ?? UNKNOWN}
      </Pair>
      <Pair label="Provider">{llm.provider}</Pair>
      <Pair label="First token" note={llm.streaming ? "streamed" : null}>
        {llm.time_to_first_token_ms === null ? null : duration(llm.time_to_first_token_ms)}
      </Pair>
      <Pair label="Tokens in" note={llm.input_tokens === null ? noUsage : cached.filter(Boolean).join(", ")}>
        {count(llm.input_tokens)}
      </Pair>
      <Pair label="Tokens out" note={llm.reasoning_tokens === null ? null : `${count(llm.reasoning_tokens)} reasoning`}>
        {count(llm.output_tokens)}
      </Pair>
      <Pair label="Finish reason">{llm.response ? null : llm.finish_reasons.join(", ") || null}</Pair>
      <Pair label="Cost" note={priced}>
        {llm.cost_usd === null ? UNKNOWN : exactUsd(llm.cost_usd)}
      </Pair>
    </dl>
  );
}

function toolNames(tools: unknown[]): string {
  const names = tools.map((tool) => {
    const described = isObject(tool) && isObject(tool["function"]) ? tool["function"] : tool;
    return isObject(described) && typeof described["name"] === "string" ? described["name"] : "?";
  });
  return names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
}

/** `null`, an empty text, list or object say nothing. */
function isGiven(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
