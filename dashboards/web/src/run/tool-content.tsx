import type { Step, StepDetail } from "@runledger/contract";
import { bytes, count } from "../format/number.ts";
import { JsonView } from "../ui/json-view.tsx";
import { Pair, Section } from "./section.tsx";
import { Hashes } from "./step-record.tsx";
import { addressOf } from "./timeline.ts";

type Tool = NonNullable<StepDetail["tool"]>;

interface ToolContentProps {
  tool: Tool;
  available: boolean;
  keyed: boolean;
  steps: Step[];
  onSelect: (stepId: string) => void;
}

/** A tool call: what was asked, by which model call, and what came back. */
export function ToolContent({ tool, available, keyed, steps, onSelect }: ToolContentProps) {
  const asker = steps.find((step) => step.step_id === tool.requested_by);
  return (
    <>
      <dl className="pairs">
        <Pair label="Tool">{tool.name}</Pair>
        <Pair label="Attempt">{tool.attempt === null ? null : count(tool.attempt)}</Pair>
        <Pair label="Known">
          <Judgement value={tool.known} good="offered to the model" bad="not among the tools offered" />
        </Pair>
        <Pair label="Arguments">
          <Judgement value={tool.valid} good="fit the schema" bad="do not fit the schema" />
        </Pair>
        <Pair label="Seen">{tool.inferred ? "in the messages only (inferred)" : "as it was executed"}</Pair>
        <Pair label="Result size">{tool.result_bytes === null ? null : bytes(tool.result_bytes)}</Pair>
        <Pair label="Call id">{tool.call_id ? <span className="mono">{tool.call_id}</span> : null}</Pair>
        <Pair label="Idempotency key">
          {tool.idempotency_key ? <span className="mono">{tool.idempotency_key}</span> : null}
        </Pair>
        <ToolSafety tool={tool} steps={steps} onSelect={onSelect} />
        <Pair label="Asked for by">
          {asker ? (
            <button type="button" className="link-button" onClick={() => onSelect(addressOf(asker))}>
              step {asker.seq}, {asker.name}
            </button>
          ) : null}
        </Pair>
      </dl>
      {available ? (
        <>
          <Section title="Arguments">
            <JsonView value={tool.arguments} label="arguments" />
          </Section>
          <Section title="Result">
            {tool.result_sha256 === null && tool.result === null ? (
              <p className="muted">
                {tool.inferred ? "No result was seen in the messages." : "No result was recorded."}
              </p>
            ) : (
              <JsonView value={tool.result} label="result" />
            )}
          </Section>
        </>
      ) : null}
      <Hashes
        keyed={keyed}
        hashes={[
          ["Arguments", tool.arguments_sha256],
          ["Result", tool.result_sha256],
        ]}
      />
    </>
  );
}

type ToolSafetyProps = Pick<ToolContentProps, "tool" | "steps" | "onSelect">;

/** How the call was let through, as far as anybody asked. */
function ToolSafety({ tool, steps, onSelect }: ToolSafetyProps) {
  const first = steps.find((step) => step.step_id === tool.same_as);
  return (
    <>
      <Pair label="Side effect">{tool.side_effect ?? null}</Pair>
      <Pair label="Permission">
        {tool.permission ? (
          <>
            <span className="mono">{tool.permission}</span> of {tool.principal ?? <span className="bad">nobody</span>}
          </>
        ) : null}
      </Pair>
      <Pair label="Confirmed">{tool.confirmed === undefined ? null : <Confirmed value={tool.confirmed} />}</Pair>
      <Pair label="Result of">
        {first ? (
          <button type="button" className="link-button" onClick={() => onSelect(addressOf(first))}>
            step {first.seq}: same idempotency key, nothing ran
          </button>
        ) : null}
      </Pair>
      <Pair label="Model was given">
        {tool.cut_to_bytes === undefined ? null : `the first ${bytes(tool.cut_to_bytes)}`}
      </Pair>
      <Pair label="Fallback">{tool.fallback ? "stands in for the failed call" : null}</Pair>
    </>
  );
}

function Confirmed({ value }: { value: boolean }) {
  return value ? "yes" : <span className="bad">no</span>;
}

function Judgement({ value, good, bad }: { value: boolean | null; good: string; bad: string }) {
  if (value === null) return <span className="muted">unknown</span>;
  return value ? good : <span className="bad">{bad}</span>;
}
