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
export function LlmContent({ llm, available }: { llm: Llm; available: boolean }) {
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
      {llm.raw_response !== null ? (
        <Section title="Raw response" note={plural(llm.raw_response.length, "character")} folded>
          <LongText text={llm.raw_response} mono label="raw response" />
        </Section>
      ) : null}
      <Hashes
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
  const model =
    llm.response_model && llm.response_model !== llm.request_model
      ? `${llm.request_model ?? UNKNOWN} → ${llm.response_model}`
      : (llm.request_model ?? llm.response_model);
  return (
    <dl className="pairs">
      <Pair label="Model">{model}</Pair>
      <Pair label="Provider">{llm.provider}</Pair>
      <Pair label="Tokens in" hint={llm.input_tokens === null ? noUsage : undefined}>
        {count(llm.input_tokens)}
      </Pair>
      <Pair label="of them cached">{known(llm.cache_read_tokens)}</Pair>
      <Pair label="written to cache">{known(llm.cache_write_tokens)}</Pair>
      <Pair label="Tokens out" hint={llm.output_tokens === null ? noUsage : undefined}>
        {count(llm.output_tokens)}
      </Pair>
      <Pair label="of them reasoning">{known(llm.reasoning_tokens)}</Pair>
      <Pair label="Cost" hint={llm.cost_usd === null ? "No known price" : `${llm.price_table} ${llm.price_version}`}>
        {llm.cost_usd === null ? UNKNOWN : exactUsd(llm.cost_usd)}
      </Pair>
      <Pair label="First token">
        {llm.time_to_first_token_ms === null ? null : `after ${duration(llm.time_to_first_token_ms)}`}
      </Pair>
      <Pair label="Streaming">{llm.streaming === null ? null : llm.streaming ? "yes" : "no"}</Pair>
      <Pair label="Finish">{llm.finish_reasons.join(", ") || null}</Pair>
    </dl>
  );
}

function known(tokens: number | null): string | null {
  return tokens === null ? null : count(tokens);
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
